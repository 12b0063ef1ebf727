// The same Pico: its second output is wiring, which board.py describes.
#include "../../rp2040_pico/micropython/mpconfigboard.h"
