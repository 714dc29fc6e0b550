# One warning level for all C++ targets of the project; warnings are errors.
add_library(weir_warnings INTERFACE)
target_compile_options(
  weir_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
            -Wold-style-cast -Woverloaded-virtual -Werror
            # g++ takes a source for a header, where several are compiled as one
            $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
# With -O2, g++ 12 sees overlaps in "text" + std::string (its bug 105651) and members without a value in
# a std::optional that has none. Both are looked for at -O1, by the preset `dev`; can go with g++ 13.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(weir_warnings INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
