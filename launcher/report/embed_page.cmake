# Writes OUTPUT, which defines what page_files.h declares: the files of PAGE as string literals.
# Usage: cmake -DPAGE=DIR -DOUTPUT=FILE -DSCRIPTS=a.js,b.js -P embed_page.cmake
string(REPLACE "," ";" scripts "${SCRIPTS}")
set(script "")
foreach(name IN LISTS scripts)
  file(READ ${PAGE}/${name} text)
  string(APPEND script "${text}\n")
endforeach()
file(READ ${PAGE}/page.html template)
file(READ ${PAGE}/style.css style)
# Compilers promise 64 KiB of one literal.
foreach(text template style script)
  string(LENGTH "${${text}}" length)
  if(length GREATER 65000)
    message(FATAL_ERROR "${PAGE}: ${text} has ${length} bytes, more than one string literal may")
  endif()
endforeach()
file(WRITE ${OUTPUT} "// Written by embed_page.cmake.
#include \"launcher/report/page_files.h\"

namespace lockstep {

const std::string_view kPageTemplate = R\"page(${template})page\";
const std::string_view kPageStyle = R\"page(${style})page\";
const std::string_view kPageScript = R\"page(${script})page\";

}  // namespace lockstep
")
