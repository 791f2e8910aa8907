# The messages of ONNX, by protobuf's compiler from the file that ONNX itself ships; without either the program lacks
# `export --format onnx` alone.
find_package(Protobuf QUIET)
find_file(LOCKSTEP_ONNX_PROTO onnx/onnx.proto)
if(NOT Protobuf_FOUND OR NOT TARGET protobuf::protoc OR NOT LOCKSTEP_ONNX_PROTO)
  message(STATUS "No export to ONNX: protobuf's compiler and library and onnx/onnx.proto are not all there")
  target_sources(lockstep_launcher PRIVATE onnx/without_onnx.cpp)
  return()
endif()

# The lite form, which has all that writing takes, is compiled in half the time.
set(messages ${CMAKE_CURRENT_BINARY_DIR}/onnx_messages)
file(MAKE_DIRECTORY ${messages})
cmake_path(GET LOCKSTEP_ONNX_PROTO PARENT_PATH proto_folder)
add_custom_command(OUTPUT ${messages}/onnx.pb.cc ${messages}/onnx.pb.h
  COMMAND protobuf::protoc --cpp_out=lite:${messages} -I ${proto_folder} ${LOCKSTEP_ONNX_PROTO}
  DEPENDS ${LOCKSTEP_ONNX_PROTO} VERBATIM)
add_library(lockstep_onnx_messages STATIC ${messages}/onnx.pb.cc ${messages}/onnx.pb.h)
target_include_directories(lockstep_onnx_messages SYSTEM PUBLIC ${messages})
target_link_libraries(lockstep_onnx_messages PUBLIC protobuf::libprotobuf-lite)
target_sources(lockstep_launcher PRIVATE onnx/export_onnx.cpp onnx/onnx_graph.cpp onnx/onnx_layers.cpp)
target_link_libraries(lockstep_launcher PRIVATE lockstep_onnx_messages)
