/* SPDX-License-Identifier: MIT */
#ifndef _TPM_H
#define _TPM_H
/* As much of a TPM subsystem as drivers/char/tpm/xen-tpmfront.c calls. It is compiled against it, not run. */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched.h>

struct tpm_chip;
struct tpm_class_ops {
	u8 req_complete_mask, req_complete_val;
	bool (*req_canceled)(struct tpm_chip *chip, u8 status);
	int (*recv)(struct tpm_chip *chip, u8 *buf, size_t len);
	int (*send)(struct tpm_chip *chip, u8 *buf, size_t len);
	void (*cancel)(struct tpm_chip *chip);
	u8 (*status)(struct tpm_chip *chip);
};
struct tpm_chip {
	struct device dev;
	const struct tpm_class_ops *ops;
	unsigned int flags;
	unsigned long timeout_a, timeout_b, timeout_c, timeout_d;
};
struct tpm_header {
	u16 tag;
	u32 length, ordinal;
} __packed;
#define TPM_TIMEOUT 5
#define TPM_CHIP_FLAG_IRQ 4u

static inline struct tpm_chip *tpmm_chip_alloc(struct device *dev, const struct tpm_class_ops *ops)
{
	struct tpm_chip *chip = devm_kzalloc(dev, sizeof(*chip), GFP_KERNEL);

	if (chip)
		chip->ops = ops;
	return chip ? chip : ERR_PTR(-ENOMEM);
}

static inline int tpm_chip_register(struct tpm_chip *chip)
{
	return 0;
}

static inline void tpm_chip_unregister(struct tpm_chip *chip)
{
}

static inline int tpm_get_timeouts(struct tpm_chip *chip)
{
	return 0;
}

static inline void tpm_msleep(unsigned int ms)
{
}

static inline unsigned long tpm_calc_ordinal_duration(struct tpm_chip *chip, u32 ordinal)
{
	return 120 * HZ;
}

#endif
