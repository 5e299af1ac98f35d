/* Spelling of file names: letters with marks as one character or as several
 * (Unicode's canonical decomposition, for the scripts that file names are
 * mostly written in: Latin with Vietnamese, Greek, Cyrillic, kana, Hangul), and
 * the case of endings. */
#include "data/folder/spelling.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <uchar.h>

typedef struct mark {
  char32_t mark;
  const char32_t *pairs; /* a letter, then the same with the mark */
} mark;

/* Made from UnicodeData.txt. */
/* clang-format off */
static const mark marks[] = {
    {0x0300, U"AÀEÈIÌOÒUÙaàeèiìoòuùÜǛüǜNǸnǹЕЀИЍеѐиѝĒḔēḕŌṐōṑWẀwẁÂẦâầĂẰăằÊỀ"
             U"êềÔỒôồƠỜơờƯỪưừYỲyỳἀἂἁἃἈἊἉἋἐἒἑἓἘἚἙἛἠἢἡἣἨἪἩἫἰἲἱἳἸἺἹἻὀὂὁὃὈὊὉὋ"
             U"ὐὒὑὓὙὛὠὢὡὣὨὪὩὫαὰεὲηὴιὶοὸυὺωὼΑᾺΕῈΗῊ᾿῍ϊῒΙῚ῾῝ϋῢΥῪ¨῭ΟῸΩῺ"},
    {0x0301, U"AÁEÉIÍOÓUÚYÝaáeéiíoóuúyýCĆcćLĹlĺNŃnńRŔrŕSŚsśZŹzźÜǗüǘGǴgǵÅǺ"
             U"åǻÆǼæǽØǾøǿ¨΅ΑΆΕΈΗΉΙΊΟΌΥΎΩΏϊΐαάεέηήιίϋΰοόυύωώϒϓГЃКЌгѓкќÇḈçḉ"
             U"ĒḖēḗÏḮïḯKḰkḱMḾmḿÕṌõṍŌṒōṓPṔpṕŨṸũṹWẂwẃÂẤâấĂẮăắÊẾêếÔỐôốƠỚơớƯỨ"
             U"ưứἀἄἁἅἈἌἉἍἐἔἑἕἘἜἙἝἠἤἡἥἨἬἩἭἰἴἱἵἸἼἹἽὀὄὁὅὈὌὉὍὐὔὑὕὙὝὠὤὡὥὨὬὩὭ᾿῎"
             U"῾῞"},
    {0x0302, U"AÂEÊIÎOÔUÛaâeêiîoôuûCĈcĉGĜgĝHĤhĥJĴjĵSŜsŝWŴwŵYŶyŷZẐzẑẠẬạậẸỆ"
             U"ẹệỌỘọộ"},
    {0x0303, U"AÃNÑOÕaãnñoõIĨiĩUŨuũVṼvṽÂẪâẫĂẴăẵEẼeẽÊỄêễÔỖôỗƠỠơỡƯỮưữYỸyỹ"},
    {0x0304, U"AĀaāEĒeēIĪiīOŌoōUŪuūÜǕüǖÄǞäǟȦǠȧǡÆǢæǣǪǬǫǭÖȪöȫÕȬõȭȮȰȯȱYȲyȳИӢ"
             U"иӣУӮуӯGḠgḡḶḸḷḹṚṜṛṝαᾱΑᾹιῑΙῙυῡΥῩ"},
    {0x0306, U"AĂaăEĔeĕGĞgğIĬiĭOŎoŏUŬuŭУЎИЙийуўЖӁжӂАӐаӑЕӖеӗȨḜȩḝẠẶạặαᾰΑᾸιῐ"
             U"ΙῘυῠΥῨ"},
    {0x0307, U"CĊcċEĖeėGĠgġIİZŻzżAȦaȧOȮoȯBḂbḃDḊdḋFḞfḟHḢhḣMṀmṁNṄnṅPṖpṗRṘrṙ"
             U"SṠsṡŚṤśṥŠṦšṧṢṨṣṩTṪtṫWẆwẇXẊxẋYẎyẏſẛ"},
    {0x0308, U"AÄEËIÏOÖUÜaäeëiïoöuüyÿYŸΙΪΥΫιϊυϋϒϔЕЁІЇеёіїАӒаӓӘӚәӛЖӜжӝЗӞзӟ"
             U"ИӤиӥОӦоӧӨӪөӫЭӬэӭУӰуӱЧӴчӵЫӸыӹHḦhḧÕṎõṏŪṺūṻWẄwẅXẌxẍtẗ"},
    {0x0309, U"AẢaảÂẨâẩĂẲăẳEẺeẻÊỂêểIỈiỉOỎoỏÔỔôổƠỞơởUỦuủƯỬưửYỶyỷ"},
    {0x030a, U"AÅaåUŮuůwẘyẙ"},
    {0x030b, U"OŐoőUŰuűУӲуӳ"},
    {0x030c, U"CČcčDĎdďEĚeěLĽlľNŇnňRŘrřSŠsšTŤtťZŽzžAǍaǎIǏiǐOǑoǒUǓuǔÜǙüǚGǦ"
             U"gǧKǨkǩƷǮʒǯjǰHȞhȟ"},
    {0x030f, U"AȀaȁEȄeȅIȈiȉOȌoȍRȐrȑUȔuȕѴѶѵѷ"},
    {0x0311, U"AȂaȃEȆeȇIȊiȋOȎoȏRȒrȓUȖuȗ"},
    {0x0313, U"αἀΑἈεἐΕἘηἠΗἨιἰΙἸοὀΟὈυὐωὠΩὨρῤ"},
    {0x0314, U"αἁΑἉεἑΕἙηἡΗἩιἱΙἹοὁΟὉυὑΥὙωὡΩὩρῥΡῬ"},
    {0x031b, U"OƠoơUƯuư"},
    {0x0323, U"BḄbḅDḌdḍHḤhḥKḲkḳLḶlḷMṂmṃNṆnṇRṚrṛSṢsṣTṬtṭVṾvṿWẈwẉZẒzẓAẠaạEẸ"
             U"eẹIỊiịOỌoọƠỢơợUỤuụƯỰưựYỴyỵ"},
    {0x0324, U"UṲuṳ"},
    {0x0325, U"AḀaḁ"},
    {0x0326, U"SȘsșTȚtț"},
    {0x0327, U"CÇcçGĢgģKĶkķLĻlļNŅnņRŖrŗSŞsşTŢtţEȨeȩDḐdḑHḨhḩ"},
    {0x0328, U"AĄaąEĘeęIĮiįUŲuųOǪoǫ"},
    {0x032d, U"DḒdḓEḘeḙLḼlḽNṊnṋTṰtṱUṶuṷ"},
    {0x032e, U"HḪhḫ"},
    {0x0330, U"EḚeḛIḬiḭUṴuṵ"},
    {0x0331, U"BḆbḇDḎdḏKḴkḵLḺlḻNṈnṉRṞrṟTṮtṯZẔzẕhẖ"},
    {0x0342, U"ἀἆἁἇἈἎἉἏἠἦἡἧἨἮἩἯἰἶἱἷἸἾἹἿὐὖὑὗὙὟὠὦὡὧὨὮὩὯαᾶ¨῁ηῆ᾿῏ιῖϊῗ῾῟υῦϋῧωῶ"},
    {0x0345, U"ἀᾀἁᾁἂᾂἃᾃἄᾄἅᾅἆᾆἇᾇἈᾈἉᾉἊᾊἋᾋἌᾌἍᾍἎᾎἏᾏἠᾐἡᾑἢᾒἣᾓἤᾔἥᾕἦᾖἧᾗἨᾘἩᾙἪᾚἫᾛἬᾜ"
             U"ἭᾝἮᾞἯᾟὠᾠὡᾡὢᾢὣᾣὤᾤὥᾥὦᾦὧᾧὨᾨὩᾩὪᾪὫᾫὬᾬὭᾭὮᾮὯᾯὰᾲαᾳάᾴᾶᾷΑᾼὴῂηῃήῄῆῇΗῌ"
             U"ὼῲωῳώῴῶῷΩῼ"},
    {0x3099, U"かがきぎくぐけげこごさざしじすずせぜそぞただちぢつづてで"
             U"とどはばひびふぶへべほぼうゔゝゞカガキギクグケゲコゴサザ"
             U"シジスズセゼソゾタダチヂツヅテデトドハバヒビフブヘベホボ"
             U"ウヴワヷヰヸヱヹヲヺヽヾ"},
    {0x309a, U"はぱひぴふぷへぺほぽハパヒピフプヘペホポ"},
};
/* clang-format on */

/* ---- code points ---- */

/* Two bytes are at most three letters, taken apart. */
enum { MOST = 2 * SPELLING_LONGEST, NO_CHARACTER = 0x110000 };

typedef struct letters {
  char32_t at[MOST];
  size_t count;
} letters;

/* The next character; a byte that is no UTF-8 is NO_CHARACTER and its value. */
static char32_t next_character(const unsigned char **text) {
  static const unsigned char least[] = {0, 0, 0xc2, 0xe0, 0xf0};
  const unsigned char *p = *text;
  int length = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
  bool good = p[0] >= least[length] && p[0] < 0xf5;
  char32_t value = length == 1 ? p[0] : p[0] & (0xffu >> (length + 1));
  for (int i = 1; good && i < length; i++) {
    good = (p[i] & 0xc0) == 0x80; /* not so of the zero at the end */
    value = value << 6 | (p[i] & 0x3f);
  }
  *text += good ? length : 1;
  return good ? value : (char32_t)NO_CHARACTER + p[0];
}

static size_t put_character(char32_t c, char *out) {
  if (c >= NO_CHARACTER || c < 0x80) return *out = (char)c, 1;
  int length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  for (int i = length - 1; i > 0; i--, c >>= 6)
    out[i] = (char)(0x80 | (c & 0x3f));
  out[0] = (char)((0xf00 >> length & 0xff) | c);
  return (size_t)length;
}

static bool is_mark(char32_t c) {
  return (c >= 0x300 && c < 0x370) || c == 0x3099 || c == 0x309a;
}

/* Marks of one letter come in the order of their numbers: which comes first
 * differs between systems, and where it matters to a reader it is not what
 * tells files apart. */
static void add_letter(letters *out, char32_t c) {
  size_t at = out->count++;
  for (;
       is_mark(c) && at > 0 && is_mark(out->at[at - 1]) && out->at[at - 1] > c;
       at--)
    out->at[at] = out->at[at - 1];
  out->at[at] = c;
}

static bool find_pair(char32_t c, char32_t *letter, char32_t *with) {
  for (size_t m = 0; m < sizeof marks / sizeof marks[0]; m++)
    for (const char32_t *pair = marks[m].pairs; *pair != 0; pair += 2)
      if (pair[1] == c) return *letter = pair[0], *with = marks[m].mark, true;
  return false;
}

static void add_hangul(letters *out, char32_t syllable) {
  enum { VOWELS = 21, ENDS = 28 };
  char32_t number = syllable - 0xac00;
  add_letter(out, 0x1100 + number / (VOWELS * ENDS));
  add_letter(out, 0x1161 + number % (VOWELS * ENDS) / ENDS);
  if (number % ENDS != 0) add_letter(out, 0x11a7 + number % ENDS);
}

static void add_apart(letters *out, char32_t c) {
  char32_t with[4];
  int count = 0;
  if (c >= 0xac00 && c < 0xac00 + 11172) {
    add_hangul(out, c);
    return;
  }
  while (c >= 0xc0 && count < 4 && find_pair(c, &c, &with[count])) count++;
  add_letter(out, c);
  while (count > 0) add_letter(out, with[--count]);
}

/* ---- names ---- */

static void lower_ending(char *name) {
  char *dot = strrchr(name, '.');
  for (; dot != NULL && *dot != '\0'; dot++)
    if (*dot >= 'A' && *dot <= 'Z') *dot = (char)(*dot - 'A' + 'a');
}

static void take_apart(const char *name, char *key) {
  letters apart = {.count = 0};
  size_t used = 0;
  const unsigned char *at = (const unsigned char *)name;
  while (*at != '\0') add_apart(&apart, next_character(&at));
  for (size_t i = 0; i < apart.count; i++)
    used += put_character(apart.at[i], key + used);
  key[used] = '\0';
}

static bool is_ascii(const char *name) {
  while (*name != '\0' && (unsigned char)*name < 0x80) name++;
  return *name == '\0';
}

bool spelling_key(const char *name, char key[SPELLING_ROOM]) {
  size_t length = strlen(name);
  if (length > SPELLING_LONGEST) return false;
  if (is_ascii(name))
    memcpy(key, name, length + 1);
  else
    take_apart(name, key);
  lower_ending(key);
  return true;
}
