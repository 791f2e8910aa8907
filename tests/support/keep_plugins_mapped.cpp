// Linked into sanitised MPI tests alone: Open MPI's plugins stay mapped until the end, so that LeakSanitizer
// can name the frames of their leaks, and mpi_leaks.supp can tell them from ours.
extern "C" __attribute__((visibility("default"))) int dlclose(void* /*handle*/) noexcept { return 0; }
