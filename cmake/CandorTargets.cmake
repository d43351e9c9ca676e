# Functions that declare every target of the project, so that warnings, sanitizers and test registration are the same everywhere.

add_library(candor_flags INTERFACE)
target_compile_options(candor_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
target_include_directories(candor_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(CANDOR_SANITIZE)
  # What undefined behaviour only reports, no test notices.
  target_compile_options(candor_flags INTERFACE -fsanitize=${CANDOR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  # g++ warns of what its own <regex> does where a sanitizer keeps it from seeing through it.
  target_compile_options(candor_flags INTERFACE -Wno-maybe-uninitialized)
  target_link_options(candor_flags INTERFACE -fsanitize=${CANDOR_SANITIZE})
endif()
if(CANDOR_FUZZ)
  # clang's -Wshadow and -Wconversion mean more than g++'s, which the code is held to.
  target_compile_options(candor_flags INTERFACE -Wno-shadow -Wno-sign-conversion -Wno-implicit-int-float-conversion)
endif()

# Precompiles ATen/ATen.h once, for every target that candor_use_precompiled_aten names. Compile flags must be those of candor_flags alone.
function(candor_precompile_aten)
  if(NOT CANDOR_PRECOMPILED_ATEN)
    return()
  endif()
  file(WRITE ${PROJECT_BINARY_DIR}/precompiled_aten.cc "// Only so that the precompiled header has a target.\n")
  add_library(candor_precompiled_aten OBJECT ${PROJECT_BINARY_DIR}/precompiled_aten.cc)
  target_link_libraries(candor_precompiled_aten PRIVATE candor_flags LibTorch::cpu fmt::fmt-header-only)
  target_compile_options(candor_precompiled_aten PRIVATE -fpch-preprocess)
  target_precompile_headers(candor_precompiled_aten PRIVATE <ATen/ATen.h>)
endfunction()

function(candor_use_precompiled_aten)
  if(NOT CANDOR_PRECOMPILED_ATEN)
    return()
  endif()
  foreach(target ${ARGN})
    target_compile_options(${target} PRIVATE -fpch-preprocess)
    target_precompile_headers(${target} REUSE_FROM candor_precompiled_aten)
  endforeach()
endfunction()

# candor_library(NAME FOLDER DEPS...): a static library of every .cc of the current source folder's
# subfolder FOLDER, but for the file that EXCEPT names; FOLDER may also be one .cc file. Its sources
# are compiled in a few large units, because most of a small file's
# compile time goes into headers; -DCANDOR_UNITY=OFF compiles each file alone.
function(candor_library NAME FOLDER)
  cmake_parse_arguments(PARSE_ARGV 2 library "" "EXCEPT" "")
  if(FOLDER MATCHES "\\.cc$")
    set(sources ${FOLDER})
  else()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.cc)
    list(REMOVE_ITEM sources "${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/${library_EXCEPT}")
  endif()
  add_library(${NAME} STATIC ${sources})
  target_link_libraries(${NAME} PRIVATE candor_flags PUBLIC ${library_UNPARSED_ARGUMENTS})
  target_include_directories(${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
  candor_compile_together(${NAME})
endfunction()

function(candor_compile_together TARGET)
  set_target_properties(${TARGET} PROPERTIES UNITY_BUILD ${CANDOR_UNITY} UNITY_BUILD_BATCH_SIZE 12)
endfunction()

# candor_tests(FOLDER DEPS...): all FOLDER/*_test.cc are one program, and each file is a test of its
# own (the program's --of=NAME). The FOLDER/*_mpi_test.cc are a second program, and each file a test
# on 1, 2, 3 and 4 ranks. PROGRAM names the programs where FOLDER doesn't.
# Labels: "fast" unless LABELS says another. PRECOMPILED_ATEN: for folders whose tests include
# ATen/ATen.h. The time limits only stop a hang.
function(candor_tests FOLDER)
  cmake_parse_arguments(PARSE_ARGV 1 tests "PRECOMPILED_ATEN" "LABELS;PROGRAM" "")
  if(NOT tests_LABELS)
    set(tests_LABELS fast)
  endif()
  if(NOT tests_PROGRAM)
    set(tests_PROGRAM ${FOLDER})
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*_test.cc)
  set(mpi_sources ${sources})
  list(FILTER sources EXCLUDE REGEX "_mpi_test\\.cc$")
  list(FILTER mpi_sources INCLUDE REGEX "_mpi_test\\.cc$")
  if(sources)
    candor_test_program(${tests_PROGRAM}_tests candor_test_main "${sources}")
    foreach(source ${sources})
      get_filename_component(name ${source} NAME_WE)
      add_test(NAME ${name} COMMAND ${tests_PROGRAM}_tests --of=${name})
      set_tests_properties(${name} PROPERTIES LABELS "${tests_LABELS}" TIMEOUT 300
        ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
    endforeach()
  endif()
  if(mpi_sources)
    candor_test_program(${tests_PROGRAM}_mpi_tests candor_mpi_test_main "${mpi_sources}")
    foreach(source ${mpi_sources})
      get_filename_component(name ${source} NAME_WE)
      foreach(ranks 1 2 3 4)
        add_test(NAME ${name}.ranks${ranks}
          COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} --oversubscribe
                  --bind-to none $<TARGET_FILE:${tests_PROGRAM}_mpi_tests> --of=${name})
        set_tests_properties(${name}.ranks${ranks} PROPERTIES LABELS "${tests_LABELS};mpi"
          TIMEOUT 300 PROCESSORS 2
          ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;ASAN_OPTIONS=detect_leaks=0")
      endforeach()
    endforeach()
  endif()
endfunction()

# A program of candor_tests(), whose variables it reads.
macro(candor_test_program PROGRAM MAIN SOURCES)
  add_executable(${PROGRAM} ${SOURCES})
  target_link_libraries(${PROGRAM} PRIVATE candor_flags ${tests_UNPARSED_ARGUMENTS} ${MAIN} GTest::gmock)
  target_compile_definitions(${PROGRAM} PRIVATE CANDOR_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    CANDOR_BINARY_DIR="${PROJECT_BINARY_DIR}")
  candor_compile_together(${PROGRAM})
  if(tests_PRECOMPILED_ATEN)
    candor_use_precompiled_aten(${PROGRAM})
  endif()
endmacro()
