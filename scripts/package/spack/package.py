# The recipe of lockstep for Spack. To use it, add the folder's parent to a repository of your own:
#
#   spack repo create ~/spack-lockstep && mkdir ~/spack-lockstep/packages/lockstep
#   cp scripts/package/spack/package.py ~/spack-lockstep/packages/lockstep/
#   spack repo add ~/spack-lockstep
#   spack dev-build lockstep@main        # in the checkout: no tarball is published
#
# Checked: that it is Python, and that it names every package that CMakeLists.txt looks for (tests/system/test_package.py).
# Not checked under Spack itself: it is written for Spack 0.23, and for 1.0, where build systems are imported.
from spack.package import *

try:
    from spack_repo.builtin.build_systems.cmake import CMakePackage, generator
except ImportError:
    pass  # Before 1.0 they come with spack.package.


class Lockstep(CMakePackage):
    """Trains neural networks under MPI with a hand-written core: the same weights, bit for bit, on any number of ranks
    and threads and on any generation of x86-64 CPUs."""

    # No URL: what is built is a checkout, by spack dev-build or spack develop.
    version("main")

    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("ninja", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi")
    depends_on("boost@1.74: +program_options +serialization")
    depends_on("fmt@9:")
    depends_on("nlohmann-json")
    depends_on("xxhash")
    depends_on("zlib")

    requires("target=x86_64:", msg="lockstep's promise is about x86-64 CPUs")
    conflicts("%gcc@:11", msg="C++20 as g++ 12 and clang 14 have it")
    conflicts("%clang@:13", msg="C++20 as g++ 12 and clang 14 have it")

    generator("ninja")

    def cmake_args(self):
        return [self.define("BUILD_TESTING", self.run_tests)]

    def setup_run_environment(self, env):
        env.set("LOCKSTEP_HOME", self.prefix.share.lockstep)

    @run_after("install")
    @on_package_attributes(run_tests=True)
    def check_installed(self):
        Executable(self.prefix.bin.lockstep)("info")
