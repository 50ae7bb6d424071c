/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests/bench/images, with -lturbojpeg:
 *	turbo recompress QUALITY FOLDER FILE..  tjDecompress2 and tjCompress2 with the file's own subsampling; a line for
 *	                                        each: new size, FILE; FOLDER "-": the new files go nowhere
 *	turbo psnr A B..                        luma's peak signal-to-noise ratio, a line for each pair
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <turbojpeg.h>

struct bytes {
	unsigned char *data;
	unsigned long size;
};

static struct bytes
load(const char *name)
{
	struct bytes file = {NULL, 0};
	FILE *stream = fopen(name, "rb");

	if (stream == NULL)
		return file;
	(void)fseek(stream, 0, SEEK_END);
	file.size = (unsigned long)ftell(stream);
	rewind(stream);
	file.data = malloc(file.size + 1);
	if (file.data == NULL || fread(file.data, 1, file.size, stream) != file.size)
		exit(1);
	(void)fclose(stream);
	return file;
}

static void
save(const char *folder, int number, const unsigned char *data, unsigned long size)
{
	char path[4096];
	FILE *stream;

	(void)snprintf(path, sizeof(path), "%s/%d", folder, number);
	stream = fopen(path, "wb");
	if (stream == NULL || fwrite(data, 1, size, stream) != size || fclose(stream) != 0)
		exit(1);
}

/* Pixels to be freed; NULL: not a JPEG file. */
static unsigned char *
decode(const struct bytes *file, int format, int *ret_width, int *ret_height, int *ret_sampling)
{
	tjhandle handle = tjInitDecompress();
	unsigned char *pixels = NULL;
	int space;

	if (file->data != NULL && tjDecompressHeader3(handle, file->data, file->size, ret_width, ret_height, ret_sampling,
	                              &space) == 0) {
		pixels = malloc((size_t)*ret_width * (size_t)*ret_height * (size_t)tjPixelSize[format]);
		if (pixels == NULL)
			exit(1);
		(void)tjDecompress2(handle, file->data, file->size, pixels, *ret_width, 0, *ret_height, format, 0);
	}
	(void)tjDestroy(handle);
	return pixels;
}

static void
recompress(const char *name, int quality, const char *folder, int number)
{
	struct bytes old = load(name), new = {NULL, 0};
	int width, height, sampling;
	unsigned char *pixels = decode(&old, TJPF_RGB, &width, &height, &sampling);
	tjhandle handle = tjInitCompress();

	if (pixels != NULL && tjCompress2(handle, pixels, width, 0, height, TJPF_RGB, &new.data, &new.size, sampling,
	                          quality, 0) != 0)
		new.size = 0;
	if (new.size > 0 && strcmp(folder, "-") != 0)
		save(folder, number, new.data, new.size);
	(void)printf("%lu\t%s\n", new.size, name);
	(void)tjDestroy(handle);
	tjFree(new.data);
	free(pixels);
	free(old.data);
}

static double
psnr(const char *first, const char *second)
{
	struct bytes files[2] = {load(first), load(second)};
	int width[2], height[2], sampling;
	unsigned char *luma[2];
	double sum = 0, difference, count;
	size_t i;

	for (i = 0; i < 2; i++) {
		luma[i] = decode(&files[i], TJPF_GRAY, &width[i], &height[i], &sampling);
		free(files[i].data);
	}
	if (luma[0] == NULL || luma[1] == NULL || width[0] != width[1] || height[0] != height[1])
		exit(1);
	count = (double)width[0] * height[0];
	for (i = 0; i < (size_t)count; i++) {
		difference = (double)luma[0][i] - luma[1][i];
		sum += difference * difference;
	}
	free(luma[0]);
	free(luma[1]);
	return sum == 0 ? 99 : fmin(99, 10 * log10(255.0 * 255.0 * count / sum));
}

int
main(int argc, char **argv)
{
	int i;

	if (argc > 4 && strcmp(argv[1], "recompress") == 0) {
		for (i = 4; i < argc; i++)
			recompress(argv[i], (int)strtol(argv[2], NULL, 10), argv[3], i - 3);
	} else if (argc > 3 && strcmp(argv[1], "psnr") == 0) {
		for (i = 2; i + 1 < argc; i += 2)
			(void)printf("%.4f\n", psnr(argv[i], argv[i + 1]));
	} else {
		return 2;
	}
	return 0;
}
