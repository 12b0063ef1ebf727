# MicroPython's rp2 port for a production image. Needs -DMICROPY_MANIFEST_MODULES=DIR: the folder with the compiled
# modules, which `microcurrent image --production` fills and names.
set(PICO_BOARD "pico")
set(PICO_PLATFORM "rp2040")
set(MICROPY_FROZEN_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/manifest.py)

if(NOT IS_DIRECTORY "${MICROPY_MANIFEST_MODULES}")
    message(FATAL_ERROR "MICROPY_MANIFEST_MODULES names no folder; build with: microcurrent image --production")
endif()

# Viper code is machine code. Uploaded, it runs from RAM; frozen, it would run from flash, where a cache miss costs some
# 64 cycles and the sample interrupt has some 600 lines to miss. So the frozen module's code joins the interpreter's own
# inner loops, which the port's linker script copies to RAM at start.
set(in_ram "*vm.c.obj ")
file(READ ${MICROPY_PORT_DIR}/memmap_mp_rp2040.ld linker_script)
string(REPLACE "${in_ram}" "${in_ram}*frozen_content.c.o* " in_ram_too "${linker_script}")
if(in_ram_too STREQUAL linker_script)
    message(FATAL_ERROR "the port's linker script no longer names ${in_ram}; the sample interrupt would run from flash")
endif()
set(MICROPY_BOARD_LINKER_SCRIPT ${CMAKE_BINARY_DIR}/memmap.ld)
file(WRITE ${MICROPY_BOARD_LINKER_SCRIPT} "${in_ram_too}")
