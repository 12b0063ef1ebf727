# The same Pico: its second output is wiring, which board.py describes.
include(${CMAKE_CURRENT_LIST_DIR}/../../rp2040_pico/micropython/mpconfigboard.cmake)
set(MICROPY_FROZEN_MANIFEST ${CMAKE_CURRENT_LIST_DIR}/../../rp2040_pico/micropython/manifest.py)
