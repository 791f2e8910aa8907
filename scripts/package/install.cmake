# cmake --install: the program with what belongs to it, component `program`, and `development`: the libraries with their
# headers, and what CMake and pkg-config users ask for.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(lockstep_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/lockstep)

include(${CMAKE_CURRENT_LIST_DIR}/program.cmake)
set_target_properties(lockstep_contract PROPERTIES EXPORT_NAME contract)
install(TARGETS lockstep_contract lockstep_core lockstep_comm lockstep_train EXPORT lockstep ARCHIVE COMPONENT development)
install(EXPORT lockstep NAMESPACE lockstep:: FILE lockstepTargets.cmake DESTINATION ${lockstep_package_dir}
  COMPONENT development)

# Headers include each other from the repository's root, so they lie in a root of their own.
# Those of the kernels for one instruction set are nobody else's: they lie in simd/ or begin with simd.
set(headers FILES_MATCHING PATTERN "*.h")
install(DIRECTORY ${PROJECT_SOURCE_DIR}/core ${PROJECT_SOURCE_DIR}/comm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lockstep
  COMPONENT development ${headers} PATTERN "simd*" EXCLUDE)
foreach(room options train recovery run files exchange score several telemetry)
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/launcher/${room}
    DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lockstep/launcher COMPONENT development ${headers})
endforeach()

configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/lockstepConfig.cmake.in
  ${PROJECT_BINARY_DIR}/lockstepConfig.cmake INSTALL_DESTINATION ${lockstep_package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/lockstepConfig.cmake ${PROJECT_BINARY_DIR}/lockstepConfigVersion.cmake
  DESTINATION ${lockstep_package_dir} COMPONENT development)

# pkg-config: the prefix is found from where the file lies, as cmake --install --prefix may move it; what the compiler
# wrapper of MPI would add stands here as CMake found it.
list(TRANSFORM MPI_CXX_INCLUDE_DIRS PREPEND "-I" OUTPUT_VARIABLE lockstep_mpi_cflags)
list(JOIN lockstep_mpi_cflags " " lockstep_mpi_cflags)
list(JOIN MPI_CXX_LIBRARIES " " lockstep_mpi_libs)
file(RELATIVE_PATH lockstep_pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/lockstep.pc.in ${PROJECT_BINARY_DIR}/lockstep.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/lockstep.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)

if(PROJECT_IS_TOP_LEVEL)
  include(${CMAKE_CURRENT_LIST_DIR}/debian/debian.cmake)
endif()
