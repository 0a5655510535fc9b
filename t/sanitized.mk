# SPDX-License-Identifier: Apache-2.0
# mod_scim.so with the run-time checks of gcc, for an httpd that has their
# library preloaded:
#
#   make -f t/sanitized.mk OUT=.test/module SANITIZE=address,undefined
CC = gcc
PACKAGES = apr-1 apr-util-1 libcjson icu-uc libpq libcrypto
APXS := $(firstword $(shell PATH=$$PATH:/usr/sbin; \
	command -v apxs2 || command -v apxs))
CFLAGS = -std=gnu99 -g -O1 -w -fPIC -fno-omit-frame-pointer -I. -I$(OUT) \
	-fsanitize=$(SANITIZE) -DSCIM_VERSION='"0"' -DSCIM_DATA_DIR='"."' \
	-I$(shell $(APXS) -q INCLUDEDIR) $(shell pkg-config --cflags $(PACKAGES))
ifneq ($(findstring undefined,$(SANITIZE)),)
CFLAGS += -fsanitize=float-cast-overflow -fno-sanitize-recover=all
endif
LIBS := $(shell pkg-config --libs $(PACKAGES))
sources = $(filter %.c,$(shell sed -n '/^$(1)_la_SOURCES/,/[^\\]$$/p' Makefile.am))
OBJECTS = $(patsubst %.c,$(OUT)/%.o,$(call sources,libscim) \
	$(call sources,libscimstore) $(call sources,mod_scim))

$(OUT)/mod_scim.so: $(OBJECTS)
	$(CC) -shared -fsanitize=$(SANITIZE) -o $@ $(OBJECTS) $(LIBS)

$(OUT)/storage/statement_%.inc: storage/statements.awk storage/statements.sql storage/checks.sql
	@mkdir -p $(@D)
	awk -v to=$* -f $^ > $@.tmp && mv $@.tmp $@

$(OBJECTS): $(OUT)/storage/statement_ids.inc \
	$(OUT)/storage/statement_texts.inc

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -c -o $@ $<

-include $(OUT)/*.d
