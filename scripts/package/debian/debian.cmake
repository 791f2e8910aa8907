# cpack -G DEB: the packages lockstep, the program and what belongs to it, and lockstep-dev, the libraries.
set(CPACK_PACKAGE_NAME lockstep)
set(CPACK_PACKAGE_VENDOR "lockstep")
set(CPACK_PACKAGE_CONTACT "The lockstep maintainers <maintainers@lockstep.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "trains neural networks under MPI with the same bits on any ranks")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL program development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/documents.cmake)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME lockstep)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
# mpirun, and the daemon by which Open MPI starts a rank alone.
set(CPACK_DEBIAN_PROGRAM_PACKAGE_DEPENDS "openmpi-bin")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_RECOMMENDS "dataset-fashion-mnist, libjs-chart.js, python3")
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SUGGESTS "bash-completion, python3-numpy, python3-matplotlib, slurm-client")
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION
"A hand-written core computes gradients by backpropagation, the ranks add them
in an order that does not depend on their number, and every rank takes the
same step: the trained weights are the same, bit for bit, on any number of
ranks, threads and x86-64 CPU generations. Runs go on after a kill, on any
number of ranks. With job scripts for Slurm and PBS.")

set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME lockstep-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
  "libboost-program-options-dev, libboost-serialization-dev, libfmt-dev, libopenmpi-dev, libxxhash-dev, nlohmann-json3-dev, zlib1g-dev")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
"Static libraries and headers of lockstep's training loop and of all it stands
on, with a CMake package and a file for pkg-config.")

include(CPack)
