// A Raspberry Pi Pico whose firmware is frozen into the image: the same board to the host, so the same name.
#define MICROPY_HW_BOARD_NAME "Raspberry Pi Pico"

// Filesystem for settings, journal and programmes alone. At the size of the development image, so that both find it.
#define MICROPY_HW_FLASH_STORAGE_BYTES (1408 * 1024)

// Never a USB drive: nobody must change the filesystem behind the firmware's back.
#define MICROPY_HW_USB_MSC (0)
