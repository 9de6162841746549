# heaptap: one flat Makefile. `make help` lists the targets.
O ?= $(if $(SAN),build-san,build)
CC = gcc
CXX = g++
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local

STD = -std=gnu11
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla
CPPFLAGS = -Iinclude -Isrc -D_GNU_SOURCE
LIBRARY_LIBS = -lzstd -ldw -lelf -liberty
LIBS = $(LIBRARY_LIBS) -lZydis
# One set of objects for the program and the library: position-independent, and nothing of it visible but what heaptap.h declares.
PIC = -fPIC -fvisibility=hidden
# SAN=address,undefined instruments the program and the unit tests; never the agent or the targets, which live with the real allocator.
SANFLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all $(if $(findstring address,$(SAN)),-static-libasan))

PROGRAM_SRC = $(wildcard src/util/*.c src/format/*.c src/attach/*.c src/collect/*.c src/inspect/*.c src/show/*.c)
PROGRAM_OBJ = $(PROGRAM_SRC:src/%.c=$(O)/%.o)
LIBRARY_OBJ = $(patsubst src/%.c,$(O)/%.o,$(wildcard src/util/*.c src/format/*.c src/inspect/*.c src/api/*.c))
# The blob finds its session, its functions and its code by what attach/ writes.
BLOB_OBJ = $(patsubst src/%.c,$(O)/%.blob.o,$(filter-out $(addprefix src/agent/,auxv.c check.c fork.c next.c session.c),$(wildcard src/agent/*.c)))
AGENT_OBJ = $(patsubst src/%.c,$(O)/%.agent.o,$(wildcard src/agent/*.c))
UNIT = $(patsubst tests/%.c,$(O)/%,$(wildcard tests/unit/*.c))
BY_LIBRARY = $(O)/e2e/library $(O)/e2e/library-more
E2E = $(O)/e2e/symbolize $(O)/e2e/census $(BY_LIBRARY) $(O)/e2e/enter $(O)/e2e/outside
TARGETS = $(patsubst tests/%.c,$(O)/%,$(filter-out tests/targets/lib%,$(wildcard tests/targets/*.c))) \
	$(patsubst tests/%.cc,$(O)/%,$(wildcard tests/targets/*.cc)) \
	$(patsubst tests/%.c,$(O)/%.so,$(wildcard tests/targets/lib*.c))
C_FILES = $(wildcard include/*/*.h src/*/*.[ch] tests/*/*.[ch] tests/targets/*.cc bench/*.[ch])
SCRIPTS = check quickstart .ci/run $(wildcard scripts/*.sh tests/*.sh tests/*/*.sh bench/*.sh)
MAN = $(wildcard man/*.[135])
VERSION = $(shell sed -n 's/^.define HT_VERSION "\(.*\)"/\1/p' src/util/version.h)

all: $(O)/heaptap $(O)/libheaptap-agent.so $(O)/libheaptap.so $(O)/libheaptap.a $(O)/blob.bin

help:
	@echo 'all              the program, the agent and the library, in $$(O) (build; build-san with SAN=)'
	@echo 'check            the quick tests; SAN=address,undefined checks an instrumented program'
	@echo 'torture fuzz     the long tests; the reader against damaged files'
	@echo 'bench            the figures of README.md, measured here'
	@echo 'format lint      lay the code out; look for what a compiler does not see'
	@echo 'install          PREFIX=/usr/local DESTDIR='
	@echo 'clean'

# ---- the program -----------------------------------------------------------------------------------------------

$(O)/heaptap: $(PROGRAM_OBJ)
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(PIC) $(STD) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(O)/attach/payload.o: $(O)/blob.bin
$(O)/attach/payload.o: CPPFLAGS += -Wa,-I$(O)

# ---- the library -----------------------------------------------------------------------------------------------
# The symbol map says what the shared one exports. The static one is a single object whose hidden names became local.

$(O)/libheaptap.so.0: $(LIBRARY_OBJ) src/api/heaptap.map
	$(CC) $(CFLAGS) $(SANFLAGS) $(LDFLAGS) -shared -Wl,-soname,libheaptap.so.0,--version-script=src/api/heaptap.map,--no-undefined-version,-z,relro \
		-o $@ $(LIBRARY_OBJ) $(LIBRARY_LIBS)

$(O)/libheaptap.so: $(O)/libheaptap.so.0
	ln -sf libheaptap.so.0 $@

$(O)/libheaptap.a: $(LIBRARY_OBJ)
	$(LD) -r -o $(O)/libheaptap.o $^
	objcopy --localize-hidden $(O)/libheaptap.o
	rm -f $@
	$(AR) rcs $@ $(O)/libheaptap.o

# ---- the agent -------------------------------------------------------------------------------------------------
# No libc, no SSE, nothing that could call out. CHECK=1: src/agent/check.c compares every stack. The unwind tables let bad_alloc pass and debuggers look through.

AGENT_CFLAGS = $(if $(CHECK),-DHT_CHECK) -O2 -g $(STD) $(WARN) -Isrc -ffreestanding -fPIC -fvisibility=hidden -fno-stack-protector -fcf-protection=none \
	-fno-builtin -mgeneral-regs-only -fasynchronous-unwind-tables -ftls-model=initial-exec -fno-plt
AGENT_LDFLAGS = -shared -nostdlib -nostartfiles -Wl,-z,now,-z,relro,--no-undefined-version,-Bsymbolic-functions \
	-Wl,-soname,libheaptap-agent.so

$(O)/%.agent.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(AGENT_CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libheaptap-agent.so: $(AGENT_OBJ)
	$(CC) $(AGENT_LDFLAGS) -o $@ $^

$(O)/%.blob.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(filter-out -DHT_CHECK,$(AGENT_CFLAGS)) -DHT_BLOB -MMD -MP -c -o $@ $<

$(O)/blob.elf: $(BLOB_OBJ) src/agent/blob.ld
	$(CC) -nostdlib -nostartfiles -pie -Wl,-T,src/agent/blob.ld,--build-id=none,--eh-frame-hdr,--no-dynamic-linker,-z,text,-z,noseparate-code -o $@ $(BLOB_OBJ)

$(O)/blob.bin: $(O)/blob.elf
	objcopy -O binary --only-section=.text --only-section=.eh_frame_hdr --only-section=.eh_frame $< $@

# ---- tests -----------------------------------------------------------------------------------------------------
# A unit test is linked with everything but main. A target is a program that a test records: it is built so that the
# compiler keeps every allocation; the name static-* makes it a static one, lib*.c a library to preload.

TARGET_FLAGS = -O1 -g -fno-builtin -pthread -Wall -Wextra -Isrc -D_GNU_SOURCE

tests: all $(UNIT) $(TARGETS) $(E2E) fuzz-sources

# The fuzzers are built by clang, when they run, from all of src but the agent; that they still fit the code, and it itself, is told here.
fuzz-sources: $(sort $(PROGRAM_OBJ) $(LIBRARY_OBJ))
	$(CC) -fsyntax-only $(STD) $(WARN) $(CPPFLAGS) $(wildcard tests/fuzz/*.c)
	$(LD) -r -o /dev/null $^

$(O)/unit/%: tests/unit/%.c $(filter-out $(O)/show/main.o,$(PROGRAM_OBJ))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(STD) $(WARN) $(CPPFLAGS) -MMD -MP -MT $@ -MF $@.d $(LDFLAGS) -o $@ $(filter-out %.h,$^) -lcmocka $(LIBS)

$(O)/e2e/%: tests/e2e/%.c $(filter-out $(O)/show/main.o,$(PROGRAM_OBJ))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(STD) $(WARN) $(CPPFLAGS) -MMD -MP -MT $@ -MF $@.d $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)

$(BY_LIBRARY): $(O)/e2e/%: tests/e2e/%.c $(O)/libheaptap.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(SANFLAGS) $(STD) $(WARN) -Iinclude -MMD -MP -MT $@ -MF $@.d -pthread $(LDFLAGS) -o $@ $< $(O)/libheaptap.a $(LIBRARY_LIBS)

$(O)/targets/lib%.so: tests/targets/lib%.c
	@mkdir -p $(@D)
	$(CC) $(TARGET_FLAGS) -MMD -MP -MT $@ -MF $@.d -shared -fPIC -o $@ $<

$(O)/targets/static-%: tests/targets/static-%.c
	@mkdir -p $(@D)
	$(CC) $(TARGET_FLAGS) -static -MMD -MP -MT $@ -MF $@.d -o $@ $<

$(O)/targets/%: tests/targets/%.c
	@mkdir -p $(@D)
	$(CC) $(TARGET_FLAGS) -MMD -MP -MT $@ -MF $@.d -o $@ $<

$(O)/targets/%: tests/targets/%.cc
	@mkdir -p $(@D)
	$(CXX) $(TARGET_FLAGS) -MMD -MP -MT $@ -MF $@.d -o $@ $<

check: tests
	tests/run.sh house:$(O) unit:$(O) quick:$(O)

torture: tests
	tests/run.sh long:$(O)

fuzz: all
	O=$(abspath $(O)) tests/fuzz/run.sh

bench: tests
	O=$(abspath $(O)) bench/run.sh

# ---- the code itself -------------------------------------------------------------------------------------------

format:
	clang-format -i $(C_FILES)

lint: all
	tests/run.sh house:$(O)
	clang-format --dry-run --Werror $(C_FILES)
	clang-tidy --quiet $(PROGRAM_SRC) $(wildcard src/api/*.c) -- $(STD) $(CPPFLAGS) 2>/dev/null
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --std=c11 -Isrc '-DElfW(t)=Elf64_\#\#t' \
		--suppress=missingIncludeSystem --suppress=shiftTooManyBitsSigned --suppress=ctuuninitvar \
		--suppress=memleakOnRealloc:src/inspect/arena.c --suppress='uninitvar:src/agent/*' src
	shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR $(SCRIPTS)
	mandoc -Tlint -Wwarning $(MAN)

# ---- and out ---------------------------------------------------------------------------------------------------

install: all
	install -D -m 755 $(O)/heaptap $(DESTDIR)$(PREFIX)/bin/heaptap
	install -D -m 644 $(O)/libheaptap-agent.so $(DESTDIR)$(PREFIX)/lib/heaptap/libheaptap-agent.so
	install -D -m 644 $(O)/libheaptap.so.0 $(DESTDIR)$(PREFIX)/lib/libheaptap.so.0
	ln -sf libheaptap.so.0 $(DESTDIR)$(PREFIX)/lib/libheaptap.so
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/lib $(O)/libheaptap.a
	install -d $(DESTDIR)$(PREFIX)/lib/pkgconfig
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' -e 's|@LIBS@|$(LIBRARY_LIBS)|' src/api/heaptap.pc.in >$(DESTDIR)$(PREFIX)/lib/pkgconfig/heaptap.pc
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/include/heaptap include/heaptap/heaptap.h
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 $(filter %.1,$(MAN))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man3 $(filter %.3,$(MAN))
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 $(filter %.5,$(MAN))

clean:
	rm -rf build build-san $(O)

-include $(PROGRAM_OBJ:.o=.d) $(LIBRARY_OBJ:.o=.d) $(AGENT_OBJ:.o=.d) $(BLOB_OBJ:.o=.d) $(UNIT:=.d) $(TARGETS:=.d) $(E2E:=.d)
.PHONY: all help tests fuzz-sources check torture fuzz bench format lint install clean
