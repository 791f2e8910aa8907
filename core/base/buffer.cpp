#include "core/base/buffer.h"

#include <sys/mman.h>

namespace lockstep {

void advise_huge_pages(void* data, std::size_t bytes) noexcept {
    // Only advice: a kernel without transparent huge pages answers with an error that changes nothing.
    (void)madvise(data, bytes, MADV_HUGEPAGE);
}

}  // namespace lockstep
