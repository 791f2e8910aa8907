# Run by CPack before it makes the Debian packages: what Debian asks of each beside its files, as Debian has it.
file(GLOB components LIST_DIRECTORIES true ${CPACK_TEMPORARY_INSTALL_DIRECTORY}/*)
if(NOT components)
  message(FATAL_ERROR "nothing is installed in ${CPACK_TEMPORARY_INSTALL_DIRECTORY}")
endif()
# SOURCE_DATE_EPOCH, where it is set, stands for now.
string(TIMESTAMP now "%a, %d %b %Y %H:%M:%S +0000" UTC)
foreach(component ${components})
  cmake_path(GET component FILENAME name)
  string(TOUPPER ${name} name)
  set(documents ${component}/usr/share/doc/${CPACK_DEBIAN_${name}_PACKAGE_NAME})
  file(WRITE ${documents}/changelog
    "lockstep (${CPACK_PACKAGE_VERSION}) unstable; urgency=medium\n\n  * This version.\n\n"
    " -- ${CPACK_PACKAGE_CONTACT}  ${now}\n")
  file(COPY ${CMAKE_CURRENT_LIST_DIR}/copyright DESTINATION ${documents}
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
  file(GLOB pages ${component}/usr/share/man/man1/*.1)
  execute_process(COMMAND gzip --best --no-name --force ${documents}/changelog ${pages} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
