# SPDX-License-Identifier: MIT
# make         build build/pcpctl          make demo    show it at work, in a private lab
# make check   install what is missing,    make test    the same without installing
#              then run every test
# make SANITIZE=1 ...  with ASan and UBSan; V=1 shows the commands; WERROR=1 as in CI.

VERSION := 0.1.0
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions

CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wcast-align -Wcast-qual -Wwrite-strings -Wvla
HARDENING := -fstack-protector-strong -fPIE
BUILD := build
ifeq ($(SANITIZE),1)
BUILD := build/sanitize
HARDENING := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
ifeq ($(WERROR),1)
WARNINGS += -Werror
endif
ALL_CPPFLAGS = -D_GNU_SOURCE -DPCPCTL_VERSION='"$(VERSION)"' -Isrc $(CPPFLAGS)
ALL_CFLAGS = -std=c11 $(WARNINGS) $(HARDENING) $(CFLAGS)
ALL_LDFLAGS := -pie $(filter -fsanitize%,$(HARDENING)) -Wl,-z,now,--as-needed $(LDFLAGS)
# jansson by its archive, where there is one: a library less to load at each start.
JANSSON := $(if $(filter /%,$(shell $(CC) -print-file-name=libjansson.a)),-l:libjansson.a,-ljansson)
# ncurses the same way: only watch needs it, and every command would load it.
NCURSES := $(if $(filter /%,$(shell $(CC) -print-file-name=libncursesw.a)),-l:libncursesw.a \
	-l:libtinfo.a,-lncursesw -ltinfo)
LIBS := -lmnl $(JANSSON) $(NCURSES)

ifneq ($(V),1)
Q := @
say = @echo '  $(1)' '$(patsubst $(BUILD)/%,%,$@)'
endif

PURE := $(sort $(wildcard src/base/*.c src/wire/*.c src/proto/*.c src/diag/*.c))
REST := $(sort $(wildcard src/host/*.c src/engine/*.c src/out/*.c src/tui/*.c src/cmd/*.c))
OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(1))
UNITS := $(sort $(wildcard tests/unit/test_*.c))
UNIT_HELPERS := $(sort $(filter-out $(UNITS),$(wildcard tests/unit/*.c)))
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(sort $(wildcard tests/tools/*.c)))
SIM := $(sort $(wildcard tests/sim/*.c))
UNIT_PROGRAMS := $(patsubst tests/%.c,$(BUILD)/%,$(UNITS))

all: $(BUILD)/pcpctl $(BUILD)/layers.ok
.PHONY: all demo check test install uninstall lint fuzz bench sim clean units packages

# --- the program: main and two archives, the lower one pure ---

$(BUILD)/pcpctl: $(BUILD)/src/main.o $(BUILD)/librest.a $(BUILD)/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/libpure.a: $(call OBJECTS,$(PURE))
$(BUILD)/librest.a: $(call OBJECTS,$(REST))
$(BUILD)/lib%.a:
	$(call say,AR)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile | packages
	$(call say,CC)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# What is missing is installed by demo and check only; a plain build just says it.
packages:
	@command -v pkg-config >/dev/null && pkg-config --exists libmnl jansson ncursesw && \
	test -e /usr/include/uthash.h || { \
	echo 'missing: apt-get install gcc pkg-config libmnl-dev libjansson-dev libncurses-dev uthash-dev' >&2; exit 1; }

# --- the layers: includes, purity, no mutable variables (HACKING.md) ---

$(BUILD)/layers.ok: tests/check-layers $(BUILD)/libpure.a $(BUILD)/librest.a \
		$(wildcard src/*.c src/*/*.[ch])
	$(call say,CHECK)
	$(Q)tests/check-layers src
ifneq ($(SANITIZE),1)
	$(Q)tests/check-layers --objects $(BUILD)
endif
	@touch $@

# --- tests ---

units: $(UNIT_PROGRAMS) $(TOOLS) $(BUILD)/sim

$(BUILD)/unit/%: $(BUILD)/tests/unit/%.o $(call OBJECTS,$(UNIT_HELPERS)) \
		$(BUILD)/librest.a $(BUILD)/libpure.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tools/%: $(BUILD)/tests/tools/%.o $(BUILD)/librest.a $(BUILD)/libpure.a
	$(call say,LINK)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The simulation has the pure archive, and nothing else of ours.
$(BUILD)/sim: $(call OBJECTS,$(SIM)) $(BUILD)/libpure.a
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

$(BUILD)/tests/%.o: ALL_CPPFLAGS += -DTEST_VECTORS='"tests/vectors/packets.txt"'
$(BUILD)/tests/%.o: WARNINGS := $(filter-out -Wconversion -Wcast-qual,$(WARNINGS))

check:
	@tests/install-packages --for check
	@$(MAKE) --no-print-directory test

test: all units
	@BUILD=$(BUILD) tests/run

demo:
	@tests/install-packages --for demo
	@$(MAKE) --no-print-directory all
	@PCPCTL=$(BUILD)/pcpctl tests/demo

# --- habits ---

lint:
	@tests/install-packages --for lint
	@tests/lint

FUZZ_SECONDS ?= 60
fuzz:
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run

# Many more seeds than a test runs: SIM_SEEDS=1-10000.
SIM_SEEDS ?= 1-1000
sim: $(BUILD)/sim
	@$(BUILD)/sim --seeds $(SIM_SEEDS)

bench: all
	@PCPCTL=$(BUILD)/pcpctl tests/bench/run

compile_commands.json: Makefile
	@sh tests/compile-commands "$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS)" src/*.c src/*/*.c > $@

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(COMPLETIONDIR)
	install -m 755 $(BUILD)/pcpctl $(DESTDIR)$(BINDIR)/pcpctl
	install -m 644 man/pcpctl.1 $(DESTDIR)$(MANDIR)/man1/pcpctl.1
	install -m 644 completion/pcpctl $(DESTDIR)$(COMPLETIONDIR)/pcpctl

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/pcpctl $(DESTDIR)$(MANDIR)/man1/pcpctl.1 \
		$(DESTDIR)$(COMPLETIONDIR)/pcpctl

clean:
	rm -rf build compile_commands.json

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
