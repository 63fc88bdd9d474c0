// SPDX-License-Identifier: MIT
// What is not shown of a capture's series, by export and plot alike: the user is told.
#pragma once

#include <cstdint>
#include <vector>

#include "sink/series.hpp"

namespace vmitap::cli {

// Of values whose time cannot be: SeriesOutcome::outside.
void warn_of_outside(std::uint64_t values);
// Of those of more connections than are counted one by one: SeriesOutcome::of_others.
void warn_of_others(std::uint64_t values);
// Of too many connections the busiest stay.
void show_busiest(std::vector<sink::Series>& series);

}  // namespace vmitap::cli
