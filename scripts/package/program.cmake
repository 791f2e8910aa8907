# cmake --install: the program, its manual page and completion, which it prints itself, configurations, scripts, a modulefile.
set(lockstep_data_dir ${CMAKE_INSTALL_DATADIR}/lockstep)

install(TARGETS lockstep RUNTIME COMPONENT program)

# lockstep_installed_text(FLAG FILE): what `lockstep FLAG` prints is installed as FILE, a path below the prefix.
function(lockstep_installed_text flag file)
  install(CODE "
    set(text \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${file}\")
    message(STATUS \"Installing: \${text}\")
    cmake_path(GET text PARENT_PATH folder)
    file(MAKE_DIRECTORY \"\${folder}\")
    execute_process(COMMAND \"$<TARGET_FILE:lockstep>\" ${flag} OUTPUT_FILE \"\${text}\" COMMAND_ERROR_IS_FATAL ANY)
    list(APPEND CMAKE_INSTALL_MANIFEST_FILES \"\${CMAKE_INSTALL_PREFIX}/${file}\")" COMPONENT program)
endfunction()
lockstep_installed_text(--man ${CMAKE_INSTALL_MANDIR}/man1/lockstep.1)
lockstep_installed_text(--bash-completion ${CMAKE_INSTALL_DATADIR}/bash-completion/completions/lockstep)

# Side by side as in the repository, since the scripts name the configurations so.
install(DIRECTORY ${PROJECT_SOURCE_DIR}/configs DESTINATION ${lockstep_data_dir} COMPONENT program)
set(scripts ${PROJECT_SOURCE_DIR}/scripts)
file(GLOB programs ${scripts}/scaling*.py ${scripts}/forecast.py)
list(APPEND programs ${scripts}/until_done.sh ${scripts}/fetch_mnist.sh ${scripts}/draw_weights.py
  ${scripts}/boolean_network.py)
install(PROGRAMS ${programs} DESTINATION ${lockstep_data_dir}/scripts COMPONENT program)
install(FILES ${scripts}/common.sh ${scripts}/common.py DESTINATION ${lockstep_data_dir}/scripts COMPONENT program)
file(GLOB folders LIST_DIRECTORIES true ${scripts}/slurm ${scripts}/pbs ${scripts}/jube ${scripts}/reframe)
install(DIRECTORY ${folders} DESTINATION ${lockstep_data_dir}/scripts COMPONENT program
  USE_SOURCE_PERMISSIONS PATTERN __pycache__ EXCLUDE)

file(RELATIVE_PATH lockstep_module_to_prefix
  ${CMAKE_INSTALL_FULL_DATADIR}/lockstep/modulefiles/lockstep ${CMAKE_INSTALL_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/modulefile.in ${PROJECT_BINARY_DIR}/modulefile @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/modulefile DESTINATION ${lockstep_data_dir}/modulefiles/lockstep
  RENAME ${PROJECT_VERSION} COMPONENT program)
