// The files in page/, which the build makes part of the program (embed_page.cmake).
#pragma once

#include <string_view>

namespace lockstep {

extern const std::string_view kPageTemplate;  ///< page.html, with {{title}}, {{style}} and so on
extern const std::string_view kPageStyle;     ///< style.css
extern const std::string_view kPageScript;    ///< the .js files, one after the other

}  // namespace lockstep
