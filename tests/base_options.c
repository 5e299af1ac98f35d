/* The option table: parsing, defaults, formatting, help. */
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "tests/tap.h"

#define COLOURS(X)                                                             \
  X(RED, "red")                                                                \
  X(GREEN, "green")                                                            \
  X(BLUE, "blue")
CHOICE(colour, COLOURS);

typedef struct configuration {
  bool flag, other;
  int count;
  int64_t large, room;
  double rate, tenth;
  const char *name;
  colour colour;
  option_list list;
} configuration;

#define ROW(name, field) OPTION_ROW(configuration, name, field)
static const option options[] = {
    {ROW("flag", flag), .help = "a flag"},
    {ROW("other", other), .preset = "yes", .help = "a flag that is set"},
    {ROW("count", count), .preset = "3", .min = -2, .max = 10, .argument = "N",
     .help = "how many"},
    {ROW("large", large), .preset = "0", .min = 0, .max = 1e12, .argument = "N",
     .help = "a large one"},
    {ROW("rate", rate), .preset = "0.5", .min = 0, .max = 1, .argument = "X",
     .help = "a rate whose description is so long that it cannot be printed on "
             "one line of seventy-nine columns"},
    {ROW("tenth", tenth), .preset = "0", .min = -1e300, .max = 1e300,
     .argument = "X", .help = "any"},
    {ROW("name", name), .argument = "TEXT", .help = "a name"},
    {ROW("colour", colour), .preset = "red", .choices = CHOICES(COLOURS),
     .help = "one of three"},
    {ROW("room", room), .preset = "any", .min = 0, .max = 100, .argument = "N",
     .word = "any", .help = "a number or a word"},
    {ROW("list", list), .argument = "TEXT", .help = "many"},
};
enum { OPTIONS = sizeof options / sizeof options[0] };
static const option_table table = {.command = "tool",
                                   .synopsis = "[OPTIONS] FILE [MORE]",
                                   .description = "Tests options.",
                                   .options = options,
                                   .count = OPTIONS,
                                   .size = sizeof(configuration),
                                   .positional_min = 1,
                                   .positional_max = 2};

/* What a command line gave. */
static configuration got;
static bool given[OPTIONS], help;
static const char *positional[2];
static int positional_count;

/* Words separated by single spaces; they stay until the next call. */
static status parse(const char *line) {
  static char text[4096];
  static char *words[256];
  int count = 0;
  snprintf(text, sizeof text, "%s", line);
  for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
    words[count++] = word;
  memset(&got, 0, sizeof got);
  memset(given, 0, sizeof given);
  positional_count = -1;
  options_defaults(&table, &got);
  return options_parse(&table, &got, count, words, positional,
                       &positional_count, given, &help);
}

static void test_defaults(void) {
  tap_ok(parse("file") == STATUS_OK, "the least there can be");
  tap_ok(!got.flag && got.other && got.count == 3 && got.large == 0 &&
             got.rate == 0.5 && strcmp(got.name, "") == 0 &&
             got.colour == RED && got.list.count == 0,
         "defaults are those of the table");
  bool none = !help;
  for (int i = 0; i < OPTIONS; i++) none = none && !given[i];
  tap_ok(none, "nothing counts as given");
  tap_ok(positional_count == 1 && strcmp(positional[0], "file") == 0,
         "the argument is found");
}

static void test_forms(void) {
  tap_ok(parse("--flag --other=no --count 7 --rate=0.25 file --name=a=b "
               "--colour green") == STATUS_OK,
         "--name value and --name=value, before and after arguments");
  tap_ok(got.flag && !got.other && got.count == 7 && got.rate == 0.25 &&
             strcmp(got.name, "a=b") == 0 && got.colour == GREEN,
         "set what they say");
  tap_ok(given[0] && given[1] && given[2] && !given[3] && given[4] &&
             given[6] && given[7] && !given[8],
         "and are marked as given");
  tap_ok(parse("--count -2 a b") == STATUS_OK && got.count == -2 &&
             positional_count == 2,
         "a value may begin with a dash");
  tap_ok(parse("--list a --list=b --list c file") == STATUS_OK &&
             got.list.count == 3 && strcmp(got.list.values[1], "b") == 0,
         "a list takes many");
  tap_ok(parse("--count 1 --count 2 file") == STATUS_OK && got.count == 2,
         "the last of two counts");
  tap_ok(parse("-- --flag -x") == STATUS_OK && !got.flag &&
             positional_count == 2 && strcmp(positional[1], "-x") == 0,
         "-- ends the options");
  tap_ok(parse("-") == STATUS_OK && strcmp(positional[0], "-") == 0,
         "a single dash is an argument");
  tap_ok(parse("--large 1000000000000 --tenth 1e-3 f") == STATUS_OK &&
             got.large == 1000000000000 && got.tenth == 1e-3,
         "a number may be large");
  tap_ok(parse("--bogus -h") == STATUS_OK && help &&
             parse("--help") == STATUS_OK && help,
         "help comes before all complaints");
  tap_ok(parse("f -- -h") == STATUS_OK && !help, "but not behind --");
}

static void refused(const char *line, const char *names) {
  status result = parse(line);
  tap_ok(result == STATUS_USAGE && strstr(status_message(), names) != NULL,
         "'%s' is refused, naming %s", line, names);
  if (result == STATUS_USAGE) tap_note("%s", status_message());
}

static void test_refusals(void) {
  refused("", "too few arguments");
  refused("a b c", "'c'");
  refused("--bogus file", "--bogus");
  refused("--coun 3 file", "--coun");
  refused("-x file", "'-x'");
  refused("file --count", "--count");
  refused("--count 11 file", "--count: '11'");
  refused("--count -3 file", "--count: '-3'");
  refused("--count 3x file", "--count: '3x'");
  refused("--count= file", "--count: ''");
  refused("--count 3.5 file", "--count: '3.5'");
  refused("--count 99999999999999999999999 file", "--count");
  refused("--room anyone file",
          "--room: 'anyone' is not any or a whole number");
  refused("--room 101 file", "--room: '101'");
  refused("file --room", "--room needs a value (any|N)");
  refused("--rate 1.01 file", "--rate: '1.01'");
  refused("--rate nan file", "--rate: 'nan'");
  refused("--tenth inf file", "--tenth: 'inf'");
  refused("--colour pink file", "--colour: 'pink'");
  refused("--colour red|green file", "--colour: 'red|green'");
  refused("--colour= file", "--colour: ''");
  refused("--flag=maybe file", "--flag: 'maybe'");
  static char line[OPTION_LIST_MAX * 12] = "file";
  for (int i = 0; i <= OPTION_LIST_MAX; i++) strcat(line, " --list x");
  status result = parse(line);
  tap_ok(result == STATUS_USAGE && strstr(status_message(), "--list") != NULL,
         "a list that is too long is refused");
}

static void test_word(void) {
  int index = options_find(&table, "room");
  char text[16];
  tap_ok(parse("f") == STATUS_OK && got.room == 0 &&
             options_is_word(&table, &got, index),
         "a word may be the default: it stands for 0");
  options_format(&table, &got, index, text, sizeof text);
  tap_ok(strcmp(text, "any") == 0, "and is how 0 is written");
  tap_ok(parse("--room 0 f") == STATUS_OK && got.room == 0 &&
             parse("--room=any f") == STATUS_OK && got.room == 0,
         "the word and 0 are the same");
  tap_ok(parse("--room 7 f") == STATUS_OK && got.room == 7 &&
             !options_is_word(&table, &got, index),
         "a number is itself");
  options_format(&table, &got, index, text, sizeof text);
  tap_ok(strcmp(text, "7") == 0, "and written so");
  tap_ok(parse("--large 0 f") == STATUS_OK &&
             !options_is_word(&table, &got, options_find(&table, "large")),
         "an option without a word has none for 0");
}

/* Every option's text sets the same value again. */
static void test_round_trip(void) {
  parse("--flag --other=no --count -1 --large 123456789012 --rate "
        "0.1234567890123456 --tenth 3.3333333333333331e-05 --name x --colour "
        "blue f");
  configuration copy = {0};
  options_defaults(&table, &copy);
  char texts[OPTIONS][128];
  bool good = true;
  for (int i = 0; i < OPTIONS - 1; i++) {
    options_format(&table, &got, i, texts[i], sizeof texts[i]);
    good = good &&
           options_set(&table, &copy, options[i].name, texts[i]) == STATUS_OK;
  }
  tap_ok(good, "what options_format writes, options_set takes");
  tap_ok(copy.flag == got.flag && copy.other == got.other &&
             copy.count == got.count && copy.large == got.large &&
             copy.room == got.room && copy.rate == got.rate &&
             copy.tenth == got.tenth && strcmp(copy.name, got.name) == 0 &&
             copy.colour == got.colour,
         "and the values are the same to the last bit");
  char text[8];
  got.rate = 0.1;
  options_format(&table, &got, 4, text, sizeof text);
  tap_ok(strcmp(text, "0.1") == 0, "0.1 is written as 0.1");
  tap_ok(options_set(&table, &copy, "bogus", "1") == STATUS_USAGE &&
             strstr(status_message(), "--bogus") != NULL,
         "options_set refuses what the table has not");
}

static void test_help(void) {
  char *text = NULL;
  size_t size = 0;
  FILE *file = open_memstream(&text, &size);
  if (file == NULL) {
    tap_ok(false, "memory for the help text");
    return;
  }
  options_print_help(&table, file);
  fclose(file);
  bool all = true, narrow = true;
  for (int i = 0; i < OPTIONS; i++) {
    char name[32];
    snprintf(name, sizeof name, "--%s ", options[i].name);
    all = all && strstr(text, name) != NULL;
  }
  for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
    narrow = narrow && strcspn(line, "\n") <= 79;
  tap_ok(all, "help names every option");
  tap_ok(narrow, "no line is longer than 79 columns");
  tap_ok(strstr(text, "Usage: harmonia tool [OPTIONS] FILE [MORE]\n") == text,
         "it begins with the usage");
  tap_ok(strstr(text, "how many [3]") != NULL &&
             strstr(text, "one of three [red]") != NULL &&
             strstr(text, "red|green|blue") != NULL &&
             strstr(text, "--room any|N") != NULL &&
             strstr(text, "a number or a word [any]") != NULL,
         "it tells defaults, choices and words");
  free(text);
}

int main(void) {
  test_defaults();
  test_forms();
  test_refusals();
  test_word();
  test_round_trip();
  test_help();
  return tap_done();
}
