// SPDX-License-Identifier: MIT
#include "backend/xen/libxen.hpp"

namespace vmitap::backend::xen {

xentoollog_logger* quiet() {
  // One for the process, never destroyed: handles may outlive any owner.
  static xentoollog_logger_stdiostream* const logger =
      xtl_createlogger_stdiostream(stderr, XTL_NUM_LEVELS, 0);
  return reinterpret_cast<xentoollog_logger*>(logger);
}

}  // namespace vmitap::backend::xen
