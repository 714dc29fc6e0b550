# weir_bpf_object(NAME [FOLDER folder] [ROOT directory] [DEFINITIONS definition...])
#
# Compiles bpf/NAME.bpf.c to a BPF object and makes its skeleton NAME.skel.h (struct weir_NAME) with bpftool.
# The skeleton embeds the object, so that the binary carries its data plane inside.
# Result: an interface library weir_bpf_NAME whose include path holds the skeleton; with another FOLDER of the build
# than bpf, weir_FOLDER_NAME. ROOT is where bpf/ is: the project, unless a test compiles another one.

find_program(WEIR_BPF_CLANG clang REQUIRED)
find_program(WEIR_BPFTOOL bpftool REQUIRED PATHS /usr/sbin /sbin)

set(WEIR_BPF_FLAGS
    -O2 -g -target bpf -mcpu=v3
    -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Werror
    # libbpf's bpf_helpers.h has helpers whose parameters nobody names
    -Wno-unused-parameter
    # <linux/types.h> needs <asm/types.h>, which Debian keeps in the multiarch folder
    -isystem /usr/include/${CMAKE_LIBRARY_ARCHITECTURE})

function(weir_bpf_object name)
  cmake_parse_arguments(PARSE_ARGV 1 of "" "FOLDER;ROOT" "DEFINITIONS")
  set(folder bpf)
  if(of_FOLDER)
    set(folder ${of_FOLDER})
  endif()
  set(root ${PROJECT_SOURCE_DIR})
  if(of_ROOT)
    set(root ${of_ROOT})
  endif()
  set(source ${root}/bpf/${name}.bpf.c)
  set(object ${CMAKE_BINARY_DIR}/${folder}/${name}.bpf.o)
  set(skeleton ${CMAKE_BINARY_DIR}/${folder}/${name}.skel.h)
  file(GLOB headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/bpf/*.h)

  file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/${folder})
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${WEIR_BPF_CLANG} ${WEIR_BPF_FLAGS} ${of_DEFINITIONS} -I ${root} -c ${source} -o ${object}
    DEPENDS ${source} ${headers}
    COMMENT "BPF object ${folder}/${name}"
    VERBATIM)
  add_custom_command(
    OUTPUT ${skeleton}
    COMMAND ${WEIR_BPFTOOL} gen skeleton ${object} name weir_${name} > ${skeleton}.new
    COMMAND ${CMAKE_COMMAND} -E rename ${skeleton}.new ${skeleton}
    DEPENDS ${object}
    COMMENT "BPF skeleton ${folder}/${name}"
    VERBATIM)

  add_custom_target(weir_${folder}_${name}_skeleton DEPENDS ${skeleton})
  add_library(weir_${folder}_${name} INTERFACE)
  add_dependencies(weir_${folder}_${name} weir_${folder}_${name}_skeleton)
  # SYSTEM: generated code is not held to the project's warnings
  target_include_directories(weir_${folder}_${name} SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/${folder})
endfunction()
