# SPDX-License-Identifier: Apache-2.0
# The harnesses of libFuzzer, each t/fuzz/NAME.c that is in HARNESSES, with what
# is under test as Makefile.am has it; by script/fuzz, into the folder $(OUT).
HARNESSES = json filter path query text body patch bulk cursor csv group
CC = clang
PACKAGES = apr-1 apr-util-1 libcjson icu-uc libcrypto
SANITIZE = -fsanitize=address,undefined,float-cast-overflow \
	-fno-sanitize-recover=undefined,float-cast-overflow
CFLAGS = -std=gnu99 -g -O1 -Wall -Wextra -Werror -Wno-unused-parameter \
	-I. -I$(OUT) -fno-omit-frame-pointer $(SANITIZE) \
	$(shell pkg-config --cflags $(PACKAGES))
LIBS := $(shell pkg-config --libs $(PACKAGES)) -ldl
SOURCES := $(filter %.c,$(shell \
	sed -n '/^libscim_la_SOURCES/,/[^\\]$$/p' Makefile.am))
OBJECTS = $(SOURCES:%.c=$(OUT)/%.o) \
	$(patsubst %,$(OUT)/t/fuzz/%.o,pool filter_text resource)

all: $(HARNESSES:%=$(OUT)/%)

$(HARNESSES:%=$(OUT)/%): $(OUT)/%: $(OUT)/t/fuzz/%.o $(OUT)/libscim.a
	$(CC) -fsanitize=fuzzer $(SANITIZE) -o $@ $< $(OUT)/t/fuzz/pool.o \
		$(OUT)/libscim.a $(LIBS)

$(OUT)/libscim.a: $(OBJECTS)
	ar -crs $@ $?

$(OUT)/storage/statement_%.inc: storage/statements.awk storage/statements.sql storage/checks.sql
	@mkdir -p $(@D)
	awk -v to=$* -f $^ > $@.tmp && mv $@.tmp $@

$(HARNESSES:%=$(OUT)/t/fuzz/%.o): $(OUT)/storage/statement_ids.inc

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) -fsanitize=fuzzer-no-link $(CFLAGS) -MMD -MP -c -o $@ $<

.SECONDARY:
-include $(OUT)/*.d $(OUT)/*/*.d $(OUT)/t/fuzz/*.d
