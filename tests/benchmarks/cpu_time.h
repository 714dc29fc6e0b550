// CPU time of the benchmark and of all that it causes.
#pragma once

namespace weir::test {

// Seconds so far, of any beginning: what all CPUs were busy, interrupts and softirqs included,
// without the processes of other process groups. Kernel threads count, whoever gave them work.
double cpu_seconds();

}  // namespace weir::test
