// SPDX-License-Identifier: MIT
/*
 * restrict_all DOMID: opens what a capture of domain DOMID needs of Xen's libraries to pause it and to hear
 * of it, calls xentoolcore_restrict_all(DOMID), and tells what still works, a line each: "NAME yes" or "NAME
 * no (errno)". What docs/threat-model.md says of it is what this says.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h> /* PROT_READ */
#include <xenctrl.h>
#include <xengnttab.h>
#include <xenstore.h>
#include <xentoolcore.h>

static void tell(const char* what, bool works) {
  if (works)
    printf("%s yes\n", what);
  else
    printf("%s no (%s)\n", what, strerror(errno));
}

int main(int argc, char** argv) {
  const uint32_t domain = argc == 2 ? (uint32_t)atoi(argv[1]) : 0;
  xc_interface* control = xc_interface_open(NULL, NULL, 0);
  xengnttab_handle* grants = xengnttab_open(NULL, 0);
  struct xs_handle* store = xs_open(0);
  xc_dominfo_t info;
  unsigned int size;

  if (!domain || !control || !grants || !store) {
    fprintf(stderr, "usage: restrict_all DOMID, in dom0\n");
    return 2;
  }
  tell("before: domain info", xc_domain_getinfo(control, domain, 1, &info) == 1);
  tell("before: xenstore", xs_read(store, XBT_NULL, "domid", &size) || errno == ENOENT);
  tell("restrict", xentoolcore_restrict_all((domid_t)domain) == 0);
  tell("domain info", xc_domain_getinfo(control, domain, 1, &info) == 1);
  tell("pause", xc_domain_pause(control, domain) == 0 && xc_domain_unpause(control, domain) == 0);
  errno = 0;
  tell("map a grant", xengnttab_map_grant_ref(grants, domain, 8, PROT_READ) || errno == EINVAL);
  errno = 0;
  tell("xenstore", xs_read(store, XBT_NULL, "domid", &size) || errno == ENOENT);
  control = xc_interface_open(NULL, NULL, 0);
  tell("domain info by a handle opened since", control && xc_domain_getinfo(control, domain, 1, &info) == 1);
  return 0;
}
