// Copyright 2026 Swarm Stack maintainers
// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// A SPI controller with one chip select and a chip behind it that answers as an ICM-20602: reads
// have bit 0x80, WHO_AM_I (0x75) is 0x12. For tests of spidev: Debian's kernel has no controller
// that answers. `writes` counts the bytes that would have changed a register.
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/spi/spi.h>

static unsigned int writes;
module_param(writes, uint, 0444);

static u8 registers[0x80] = { [0x75] = 0x12 };
static struct platform_device *platform;
static struct spi_controller *controller;
static int at = -1;
static bool is_read;

static u8 exchange(u8 sent)
{
	u8 answer = 0;

	if (at < 0) {
		is_read = sent & 0x80;
		at = sent & 0x7f;
		return 0;
	}
	if (is_read) {
		answer = registers[at];
	} else {
		registers[at] = sent;
		writes++;
	}
	at = (at + 1) & 0x7f;
	return answer;
}

static void select_chip(struct spi_device *spi, bool level)
{
	at = -1;
}

static int transfer(struct spi_controller *ctlr, struct spi_device *spi, struct spi_transfer *t)
{
	const u8 *tx = t->tx_buf;
	u8 *rx = t->rx_buf;
	unsigned int i;

	for (i = 0; i < t->len; i++) {
		/* The chip knows modes 0 and 3; in the others it hears nothing. */
		bool understood = !(spi->mode & SPI_CPHA) == !(spi->mode & SPI_CPOL);
		u8 answer = understood ? exchange(tx ? tx[i] : 0) : 0xff;

		if (rx)
			rx[i] = answer;
	}
	return 0;
}

static struct spi_board_info chip = {
	.modalias = "hw-vm-imu", .max_speed_hz = 8000000, .chip_select = 0, .mode = SPI_MODE_3,
};

static int __init start(void)
{
	int error;

	platform = platform_device_register_simple("hw_vm_spi", -1, NULL, 0);
	if (IS_ERR(platform))
		return PTR_ERR(platform);
	controller = spi_alloc_master(&platform->dev, 0);
	if (!controller) {
		error = -ENOMEM;
		goto without_controller;
	}
	controller->bus_num = 0;
	controller->num_chipselect = 1;
	controller->mode_bits = SPI_CPOL | SPI_CPHA;
	controller->set_cs = select_chip;
	controller->transfer_one = transfer;
	error = spi_register_controller(controller);
	if (error) {
		spi_controller_put(controller);
		goto without_controller;
	}
	if (spi_new_device(controller, &chip))
		return 0;
	spi_unregister_controller(controller);
	error = -ENODEV;
without_controller:
	platform_device_unregister(platform);
	return error;
}

static void __exit end(void)
{
	spi_unregister_controller(controller);
	platform_device_unregister(platform);
}

module_init(start);
module_exit(end);
MODULE_DESCRIPTION("SPI controller with a pretended IMU, for tests of spidev");
MODULE_LICENSE("Dual MIT/GPL");
