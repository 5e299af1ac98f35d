# Harmonia. `make demo` and `make test` install what they need on Debian and
# Ubuntu; `make help` lists the rest.
#
#   BUILD=dir          where everything built goes            [build]
#   PREFIX=, DESTDIR=  where `make install` puts it           [/usr/local]
#   SANITIZE=a,b       sanitizers (address,undefined)         [none]
#   CC, MPICC, CFLAGS  as usual

BUILD ?= build
CC ?= cc
CFLAGS ?= -O3 -g
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(shell nproc 2>/dev/null || echo 1)
endif
OBJCOPY ?= objcopy
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wstrict-prototypes \
            -Wmissing-prototypes -Wvla
STD := -std=c11 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fno-trapping-math
ifneq ($(SANITIZE),)
  SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
endif
# Objects are the program's and the shared library's alike; hidden, functions call
# each other as directly as without -fPIC.
COMPILE = $(CC) $(STD) $(CFLAGS) $(WARNINGS) $(SAN) -fPIC -fvisibility=hidden -pthread -fopenmp -MMD -MP -Idist -c

BASE_SRC := $(wildcard dist/base/*.c)
HDF5_SRC := $(wildcard dist/hdf5/*.c)
NN_SRC   := $(wildcard nn/*/*.c)
DATA_SRC := $(wildcard data/*/*.c)
CKPT_SRC := $(wildcard checkpoint/*.c checkpoint/*/*.c)
# The wings of dist: each may know those behind it in this line (.ci/lint).
WINGS    := cmd library run foretell score use draw state feed sum ranks

BASE_OBJ := $(BASE_SRC:%.c=$(BUILD)/%.o)
HDF5_OBJ := $(HDF5_SRC:%.c=$(BUILD)/%.o)
NN_OBJ   := $(NN_SRC:%.c=$(BUILD)/%.o)
NND_OBJ  := $(NN_SRC:%.c=$(BUILD)/double/%.o)
DATA_OBJ := $(DATA_SRC:%.c=$(BUILD)/%.o)
CKPT_OBJ := $(CKPT_SRC:%.c=$(BUILD)/%.o)

LIBBASE := $(BUILD)/libbase.a
LIBHDF5 := $(BUILD)/libhdf5_file.a
LIBNN   := $(BUILD)/libnn.a
LIBNND  := $(BUILD)/libnn_double.a
LIBDATA := $(BUILD)/libdata.a
LIBCKPT := $(BUILD)/libcheckpoint.a
LIBDIST := $(WINGS:%=$(BUILD)/libdist_%.a)

# tests/<library>_*.c are programs; those named nn_* are built twice, in float
# and in double. tests/*.sh run the program itself.
TEST_C     := $(wildcard tests/base_*.c tests/data_*.c tests/checkpoint_*.c tests/nn_*.c tests/draw_*.c tests/dist_*.c tests/library_*.c)
TEST_BIN   := $(TEST_C:tests/%.c=$(BUILD)/tests/%)
TEST_NND   := $(patsubst tests/%.c,$(BUILD)/tests/%_double,$(wildcard tests/nn_*.c))
TOOL_BIN   := $(BUILD)/tests/parity $(BUILD)/tests/parity_double
TEST_SH    := $(wildcard tests/*.sh)
BENCH_BIN  := $(BUILD)/tests/bench/bench
# Libraries that tests put in front of the program's own calls.
PRELOAD    := $(patsubst tests/preload/%.c,$(BUILD)/tests/%.so,$(wildcard tests/preload/*.c))

all: $(BUILD)/harmonia library

-include $(if $(filter clean help,$(MAKECMDGOALS)),,$(BUILD)/config.mk)
$(BUILD)/config.mk: .ci/install-deps
	@.ci/install-deps $@

$(BUILD)/harmonia: $(LIBDIST) $(LIBNN) $(LIBDATA) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(MPICC) $(SAN) -pthread -fopenmp -o $@ $^ $(IMAGE_LIBS) $(WEIGHTS_LIBS) $(HDF5_LIBS) $(BLAS_LIBS) -lm

# libharmonia, shared and static, of one object: all that its functions need, with
# no other names for its users than theirs. No MPI: --no-undefined would tell.
ABI := $(shell sed -n 's/^.define HARMONIA_ABI //p' dist/library/harmonia.h)
library: $(BUILD)/libharmonia.so $(BUILD)/libharmonia.a
$(BUILD)/libharmonia.o: $(BUILD)/dist/library/harmonia.o $(LIBDIST) $(LIBNN) $(LIBDATA) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(CC) -r -nostdlib -o $@ $^
	$(OBJCOPY) --wildcard --keep-global-symbol='harmonia_*' $@
$(BUILD)/libharmonia.so: $(BUILD)/libharmonia.o
	$(CC) $(SAN) -shared -pthread -fopenmp -Wl,-soname,$(@F).$(ABI) -Wl,--as-needed -Wl,--no-undefined -o $@ $< $(IMAGE_LIBS) $(WEIGHTS_LIBS) $(HDF5_LIBS) $(BLAS_LIBS) -lm
	@ln -sf $(@F) $@.$(ABI)
$(BUILD)/libharmonia.a: $(BUILD)/libharmonia.o

$(LIBBASE): $(BASE_OBJ)
$(LIBHDF5): $(HDF5_OBJ)
$(LIBNN): $(NN_OBJ)
$(LIBNND): $(NND_OBJ)
$(LIBDATA): $(DATA_OBJ)
$(LIBCKPT): $(CKPT_OBJ)
define wing
$(BUILD)/libdist_$(1).a: $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/example.c,$(wildcard dist/$(1)/*.c)))
endef
$(foreach name,$(WINGS),$(eval $(call wing,$(name))))
$(BUILD)/lib%.a:
	@rm -f $@
	$(AR) rcs $@ $^

# Objects that were compiled in another way are made anew.
$(BUILD)/flags: always
	@mkdir -p $(@D)
	@echo '$(COMPILE)' | cmp -s - $@ || echo '$(COMPILE)' >$@

$(BUILD)/dist/base/%.o: dist/base/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) $(IMAGE_CFLAGS) -o $@ $<
$(BUILD)/dist/hdf5/%.o: dist/hdf5/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) $(HDF5_CFLAGS) -o $@ $<
$(BUILD)/nn/%.o: nn/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) -I. $(BLAS_CFLAGS) -o $@ $<
$(BUILD)/double/nn/%.o: nn/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) -I. -DNN_DOUBLE $(BLAS_CFLAGS) -o $@ $<
$(BUILD)/data/%.o: data/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) -I. $(IMAGE_CFLAGS) $(HDF5_CFLAGS) $(BLAS_CFLAGS) -o $@ $<
$(BUILD)/checkpoint/%.o: checkpoint/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(COMPILE) -I. $(HDF5_CFLAGS) $(WEIGHTS_CFLAGS) -o $@ $<
$(BUILD)/dist/use/builtin.o: DEFINES := -DHARMONIA_PROJECT='"$(CURDIR)"'
$(BUILD)/dist/%.o: dist/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	OMPI_CC="$(CC)" $(MPICC) $(filter-out $(CC),$(COMPILE)) $(DEFINES) -I. -o $@ $<

# ---- tests -------------------------------------------------------------------

# A sanitizer looks for functions of its own in a test.
TEST_COMPILE = $(COMPILE) -fvisibility=default -I. $(HDF5_CFLAGS) $(IMAGE_CFLAGS) $(WEIGHTS_CFLAGS) $(BLAS_CFLAGS)
TEST_LINK = $(CC) $(SAN) -pthread -fopenmp -o $@ $^ $(IMAGE_LIBS) $(WEIGHTS_LIBS) $(HDF5_LIBS) $(BLAS_LIBS) -lm

$(BUILD)/tests/%.o: tests/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(TEST_COMPILE) -o $@ $<
$(BUILD)/tests/%_double.o: tests/%.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	$(TEST_COMPILE) -DNN_DOUBLE -o $@ $<
TEST_COMMON := $(BUILD)/tests/tap.o $(BUILD)/tests/golden.o
GRAPH_UTIL  := $(BUILD)/tests/graph_util.o
GRAPH_UTILD := $(BUILD)/tests/graph_util_double.o
$(BUILD)/tests/base_%: $(BUILD)/tests/base_%.o $(TEST_COMMON) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/data_%: $(BUILD)/tests/data_%.o $(TEST_COMMON) $(LIBDATA) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/checkpoint_%: $(BUILD)/tests/checkpoint_%.o $(TEST_COMMON) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/draw_%: $(BUILD)/tests/draw_%.o $(TEST_COMMON) $(LIBDIST) $(LIBDATA) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
# Of dist's wings they use what needs no MPI.
$(BUILD)/tests/dist_%: $(BUILD)/tests/dist_%.o $(TEST_COMMON) $(LIBDIST) $(LIBNN) $(LIBDATA) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
# Of libharmonia they see what everybody does.
$(BUILD)/tests/library_%: $(BUILD)/tests/library_%.o $(BUILD)/tests/tap.o $(BUILD)/libharmonia.a
	$(TEST_LINK)
# Benchmarks of the program's own parts under mpirun.
$(BUILD)/tests/bench/node_sum.o: tests/bench/node_sum.c $(BUILD)/flags | $(BUILD)/config.mk
	@mkdir -p $(@D)
	OMPI_CC="$(CC)" $(MPICC) $(filter-out $(CC),$(COMPILE)) -I. -o $@ $<
$(BUILD)/tests/bench/node_sum: $(BUILD)/tests/bench/node_sum.o $(LIBDIST) $(LIBNN) $(LIBBASE)
	$(MPICC) $(SAN) -pthread -fopenmp -o $@ $^ $(BLAS_LIBS) -lm
$(BUILD)/tests/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(CC) $(STD) -O2 -g $(WARNINGS) -fPIC -shared -o $@ $<
$(BUILD)/tests/nn_%_double: $(BUILD)/tests/nn_%_double.o $(GRAPH_UTILD) $(TEST_COMMON) $(LIBNND) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/nn_%: $(BUILD)/tests/nn_%.o $(GRAPH_UTIL) $(TEST_COMMON) $(LIBNN) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/parity_double: $(addprefix $(BUILD)/tests/,parity_double.o parity_record_double.o parity_gradients_double.o parity_step_double.o parity_colours_double.o parity_operations_double.o) $(GRAPH_UTILD) $(TEST_COMMON) $(LIBNND) $(LIBBASE)
	$(TEST_LINK)
$(BUILD)/tests/parity: $(addprefix $(BUILD)/tests/,parity.o parity_record.o parity_gradients.o parity_step.o parity_colours.o parity_operations.o) $(GRAPH_UTIL) $(TEST_COMMON) $(LIBNN) $(LIBBASE)
	$(TEST_LINK)
# What bench-apply measures with.
$(BUILD)/tests/bench/recode: $(BUILD)/tests/bench/recode.o $(LIBDATA) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
BENCH_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/node_sum.c %/recode.c,$(wildcard tests/bench/*.c)))
$(BENCH_BIN): $(BENCH_OBJ) $(LIBDIST) $(LIBNN) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK)
# The readers of tests/fuzz: mutator.c changes inputs by itself, libfuzzer.c is for
# clang's libFuzzer.
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/%.o,$(filter-out %/mutator.c %/libfuzzer.c,$(wildcard tests/fuzz/*.c)))
$(BUILD)/tests/fuzz/fuzz: $(BUILD)/tests/fuzz/mutator.o $(FUZZ_OBJ) $(LIBDIST) $(LIBNN) $(LIBDATA) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK) -ldl
$(BUILD)/tests/fuzz/libfuzzer: $(BUILD)/tests/fuzz/libfuzzer.o $(FUZZ_OBJ) $(LIBDIST) $(LIBNN) $(LIBDATA) $(LIBCKPT) $(LIBHDF5) $(LIBBASE)
	$(TEST_LINK) -ldl -fsanitize=fuzzer
.PRECIOUS: $(BUILD)/tests/%.o $(BUILD)/tests/%_double.o

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

tests: $(BUILD)/harmonia library $(TEST_BIN) $(TEST_NND) $(TOOL_BIN) $(PRELOAD) $(BENCH_BIN) $(BUILD)/tests/fuzz/fuzz

# One after the other: each may use all cores. What they print beside TAP is
# shown by make test-NAME.
PROVE = HARMONIA=$(abspath $(BUILD)/harmonia) HARMONIA_BUILD=$(abspath $(BUILD)) \
        HARMONIA_SOURCE=$(CURDIR) .ci/mpi-env prove --exec .ci/run-test
test: tests
	@.ci/install-deps --with-numpy
	$(PROVE) --timer --merge --failures $(TEST_BIN) $(TEST_NND) $(TEST_SH)

# One test: make test-data_pack, make test-resume
test-%: tests
	$(PROVE) -v $(firstword $(wildcard tests/$*.sh) $(BUILD)/tests/$*)

# Runs that are killed KILLS times and sent SIGNALS pairs of signals, and resumed
# each time; SERIES of them side by side: minutes.
test-kills: KILLS ?= 200
test-kills: SIGNALS ?= 80
test-kills: SERIES ?= 2
test-kills: tests
	@failed=0; each() { echo $$((($$1 + $(SERIES) - 1) / $(SERIES))); }; \
	for seed in $$(seq $(SERIES)); do \
	  KILLS=$$(each $(KILLS)) SIGNALS=$$(each $(SIGNALS)) SEED=$$seed \
	    $(PROVE) -v tests/kill.sh & pids="$$pids $$!"; \
	done; \
	for pid in $$pids; do wait $$pid || failed=1; done; exit $$failed

# Every call of the system on the files of a run fails once: half an hour.
test-faults: tests
	FAULTS=all $(PROVE) -v tests/faults.sh

# On virtual hosts and a Slurm of their own, for which it needs root: dist/launch
# and slurm/train.sbatch when hosts are lost. About five minutes.
test-cluster: $(BUILD)/harmonia $(PRELOAD)
	$(PROVE) --jobs 2 --timer --merge --failures tests/cluster/*.sh

# The README's commands on bare Debian 12 and 13 and Ubuntu, for which it needs
# root: an hour.
test-distros:
	@tests/distros/run

# The sum of gradients on one node against the memory's bandwidth.
bench-sum: $(BUILD)/tests/bench/node_sum
	.ci/mpi-env mpirun -n $(or $(RANKS),2) $<

# Every arrangement of up to 8 ranks, and the memory of U-Net with 54.8 M parameters.
test-layouts: export HARMONIA_FULL = 1
test-layouts: tests
	$(PROVE) -v tests/nodes.sh tests/sharing.sh

# Everything again under the address and undefined-behaviour sanitizers.
test-sanitize:
	$(MAKE) BUILD=$(BUILD)-sanitize SANITIZE=address,undefined CFLAGS="-O1 -g" test

# Changed inputs for every reader, under sanitizers: SECONDS in all, FUZZ='png
# list' for some, SEED=N for the same again. By libFuzzer where clang has it.
FUZZ_CLANG ?= clang
fuzz:
	@if .ci/has-libfuzzer $(FUZZ_CLANG); then \
	    $(MAKE) fuzz-by DRIVER=libfuzzer BUILD=$(BUILD)-fuzz CC=$(FUZZ_CLANG) WARNINGS=-w \
	        SANITIZE=fuzzer-no-link,address,undefined CFLAGS="-O1 -g"; \
	else \
	    $(MAKE) fuzz-by DRIVER=fuzz BUILD=$(BUILD)-sanitize SANITIZE=address,undefined CFLAGS="-O1 -g"; \
	fi
fuzz-by: $(BUILD)/tests/fuzz/$(DRIVER) $(BUILD)/tests/fuzz/fuzz
	@tests/fuzz/run $< $(BUILD)/fuzz $(or $(SECONDS),60) $(or $(SEED),$(shell date +%s)) $(FUZZ)

# How fast steps are: make bench BENCH='--model unet --size 64' (BENCH=--help).
bench: $(BENCH_BIN)
	@$(BENCH_BIN) $(BENCH)

# The same networks in PyTorch beside it (BENCH_TORCH=--help), then two ranks
# against one (BENCH_RANKS=--help). PYTHON: one that has PyTorch.
bench-torch: $(BENCH_BIN) $(BUILD)/harmonia
	@python=$$(PYTHON="$(PYTHON)" sh tests/bench/torch_find.sh) || exit 0; \
	"$$python" tests/bench/torch_compare.py $(BENCH_BIN) $(BENCH_TORCH) && \
	.ci/mpi-env "$$python" tests/bench/torch_ranks.py $(BUILD)/harmonia $(BENCH_RANKS)

# Packing beside Pillow and h5py, and how soon training starts (BENCH_PACK=--help).
bench-pack: $(BUILD)/harmonia
	@.ci/install-deps --with-numpy
	@/usr/bin/python3 tests/bench/pack.py $(BUILD)/harmonia $(BENCH_PACK)

# A large photograph through apply, over decoding and encoding it
# (BENCH_APPLY='MEGAPIXELS REPEAT').
bench-apply: $(BUILD)/harmonia $(BUILD)/tests/bench/recode
	@.ci/mpi-env tests/bench/apply.sh $(abspath $^) $(BENCH_APPLY)

demo: $(BUILD)/harmonia
	@HARMONIA=$(BUILD)/harmonia .ci/mpi-env tests/demo/run $(or $(OUT),out/demo)

# The project's table; its variables are those of slurm/README.md.
table: $(BUILD)/harmonia
	@HARMONIA=$(BUILD)/harmonia .ci/mpi-env slurm/table.sh

# What each part of a system is worth; MINUTES=M: in the same time.
ablation: $(BUILD)/harmonia
	@HARMONIA=$(BUILD)/harmonia .ci/mpi-env slurm/ablation.sh

# make quality MINUTES=10 DATA=F.h5 SEED=1 OUT=DIR: how good a network gets in
# that time.
quality: $(BUILD)/harmonia
	@HARMONIA=$(BUILD)/harmonia OUT=$(or $(OUT),out/quality) .ci/mpi-env slurm/quality.sh

# make model PHOTOS=DIR: the network that comes with the program.
model: $(BUILD)/harmonia
	@HARMONIA=$(BUILD)/harmonia OUT=$(or $(OUT),checkpoint/network.h5) .ci/mpi-env slurm/model.sh

LINT_C := $(wildcard dist/*/*.c nn/*/*.c data/*/*.c checkpoint/*.c checkpoint/*/*.c tests/*.c tests/bench/*.c tests/cluster/*.c tests/fuzz/*.c tests/preload/*.c)
LINT_H := $(wildcard dist/*/*.h nn/*.h nn/*/*.h data/*.h data/*/*.h checkpoint/*.h checkpoint/*/*.h tests/*.h tests/bench/*.h tests/fuzz/*.h)
lint: $(BUILD)/config.mk
	@.ci/install-deps --with-lint
	@.ci/lint $(BUILD) $(LINT_C) -- $(LINT_H)

# The option reference of dist/cmd/README.md from the program's own --help.
readme: $(BUILD)/harmonia
	@.ci/from-help readme $(BUILD)/harmonia dist/cmd/README.md >$(BUILD)/README.md
	@mv $(BUILD)/README.md dist/cmd/README.md

# From --help, too: $(BUILD)/man and $(BUILD)/completion.
man: $(BUILD)/harmonia
	@.ci/from-help man $(BUILD)/harmonia $(BUILD)/man
	@echo "man -l $(BUILD)/man/harmonia-train.1"

completion: $(BUILD)/harmonia
	@mkdir -p $(BUILD)/completion
	@.ci/from-help completion $(BUILD)/harmonia >$(BUILD)/completion/harmonia.bash
	@echo ". $(BUILD)/completion/harmonia.bash"

# PREFIX=, DESTDIR=; LIBDIR= and PYTHONDIR= for other folders of the libraries and
# the Python module.
export PREFIX DESTDIR LIBDIR PYTHONDIR
install: all man completion
	@.packaging/install install $(BUILD)
uninstall: man
	@.packaging/install uninstall $(BUILD)

# The source as one file, and a package for Debian and Ubuntu.
VERSION := $(shell sed -n 's/^.define HARMONIA_VERSION "\(.*\)"/\1/p' dist/base/version.h)
dist:
	@mkdir -p $(BUILD)
	git archive --prefix=harmonia-$(VERSION)/ -o $(BUILD)/harmonia-$(VERSION).tar.gz HEAD
deb: all man completion
	@.packaging/deb $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	@echo "make               builds $(BUILD)/harmonia"
	@echo "make demo          trains, stops, resumes and evaluates a small network"
	@echo "make table         trains and compares all systems (slurm/README.md)"
	@echo "make ablation      trains one system with one part more at a time, and compares"
	@echo "make test          all tests; make test-NAME: one of them"
	@echo "make test-cluster  hosts that are lost, and Slurm (root; namespaces)"
	@echo "make test-distros  make demo and make test on bare Debian 12, 13 and Ubuntu (root)"
	@echo "make tests         builds the test programs in $(BUILD)/tests"
	@echo "make test-kills    runs killed and signalled lose nothing (KILLS=200 SIGNALS=80)"
	@echo "make test-faults   every call on the files of a run fails once"
	@echo "make test-layouts  arrangements of up to 8 ranks over nodes, memory of a large network"
	@echo "make bench-sum     the sum of gradients on a node against the memory's bandwidth"
	@echo "make bench         times of training steps and of every node in them"
	@echo "make bench-torch   the same in PyTorch, and two ranks against one"
	@echo "make bench-pack    packing beside Pillow and h5py; the start of training"
	@echo "make bench-apply   a 24-megapixel photograph, over decoding and encoding it"
	@echo "make test-sanitize all tests under sanitizers"
	@echo "make fuzz          changed inputs for every reader; SECONDS=600"
	@echo "make quality       train for MINUTES on DATA, print the ratio to the composite's error"
	@echo "make model         the network that comes with the program, from PHOTOS"
	@echo "make readme        the option reference in dist/cmd/README.md, from --help"
	@echo "make man           man pages in $(BUILD)/man, from --help"
	@echo "make completion    completion for bash in $(BUILD)/completion, from --help"
	@echo "make install       program, library, documents below PREFIX; make uninstall"
	@echo "make dist, deb     the source as one file, a package for Debian in $(BUILD)"
	@echo "make lint          format, static analysis, and who may include whom"
	@echo "make clean         removes $(BUILD)"

.PHONY: all always library install uninstall dist deb tests test test-kills test-faults test-cluster test-sanitize test-layouts fuzz fuzz-by bench bench-sum bench-torch bench-pack bench-apply demo table ablation quality model lint readme man completion clean help
