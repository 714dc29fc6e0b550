# One warning level for all C++ targets of the project; warnings are errors.
add_library(weir_warnings INTERFACE)
target_compile_options(
  weir_warnings
  INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
            -Wold-style-cast -Woverloaded-virtual -Werror
            # g++ takes a source for a header, where several are compiled as one
            $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
