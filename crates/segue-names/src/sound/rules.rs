//! How sounds are written in Latin letters.

use std::sync::LazyLock;

/// Sounds that may be written by these letters.
pub struct Rule {
    pub sounds: &'static [u8],
    pub letters: &'static [u8],
    /// In tenths of an error.
    pub cost: u16,
    /// Only before e, i or y.
    soft: bool,
    /// Only at the beginning of both.
    first: bool,
}

impl Rule {
    /// Whether it is about what stands here.
    pub fn fits(&self, sounds: &[u8], letters: &[u8], i: usize, j: usize) -> bool {
        sounds.starts_with(self.sounds)
            && letters[j..].starts_with(self.letters)
            && (!self.first || (i == 0 && j == 0))
            && (!self.soft || letters.get(j + self.letters.len()).is_some_and(|c| b"eiy".contains(c)))
    }
}

/// All rules, by the first of their sounds and the first of their letters.
pub struct Table {
    by_first: Vec<Vec<Rule>>,
}

/// Where in the table.
fn place(sound: u8, letter: u8) -> usize {
    usize::from(sound & 127) * 128 + usize::from(letter & 127)
}

impl Table {
    /// Those whose first sound, and first letter, is this one.
    pub fn of(&self, sound: u8, letter: u8) -> &[Rule] {
        self.by_first.get(place(sound, letter)).map_or(&[], Vec::as_slice)
    }
}

pub fn table() -> &'static Table {
    static TABLE: LazyLock<Table> = LazyLock::new(parsed);
    &TABLE
}

fn parsed() -> Table {
    let mut by_first: Vec<Vec<Rule>> = (0..128 * 128).map(|_| Vec::new()).collect();
    for line in RULES.lines().filter(|line| !line.trim().is_empty()) {
        let mut words = line.split_whitespace();
        let Some(sounds) = words.next() else { continue };
        let first = sounds.starts_with('^');
        let sounds = sounds.trim_start_matches('^').as_bytes();
        let mut cost = 0;
        for word in words {
            // A number says what all that follows it costs.
            if let Some(number) = word.strip_prefix('=') {
                cost = number
                    .parse()
                    .unwrap_or_else(|_| unreachable!("a cost is a number: {word}"));
                continue;
            }
            let soft = word.ends_with('~');
            let letters = word.trim_end_matches('~').as_bytes();
            by_first[place(sounds[0], letters[0])].push(Rule {
                sounds,
                letters,
                cost,
                soft,
                first,
            });
        }
    }
    Table { by_first }
}

/// A line: sounds, and the ways to write them; `=2` says that those behind it fit so much worse, in tenths of an error. `~`: before e, i, y.
/// `^`: at the beginning.
const RULES: &str = "
g  g gg =1 k gh gu =2 c ck q kk cc
k  k c q ck kk ch cq cc kh qu kg gk =1 g x =2 gg gh
K  k c g ck q kk =1 ch gg x que =2 gue
Ks x cs ks cks gs =1 xx cc~ xc~ ques
d  d dd =1 t th =2 tt dt
t  t th tt td dt =1 d dt pt =2 dd
T  t d tt th =1 bt dd dt s ss =2 ch z tch j x
Ts s ss ts tz =1 z
ts ts tz tsu =1 z zz cz c~ =2 t s
b  b v bb =1 p vv =2 f w
p  p f ph pp ff pb bp =1 b v =2 bb pf
P  p b pp ph bb =1 f v ff
Ps ps bs =1 pps
f  f ph ff =1 h v p =2 gh w
v  v w b =1 f vv u =2 ff ph
s  s ss c~ sc~ sh th ps~ =1 z x ts sch ti ci si zz =2 ch t st
sy sh sch s =1 ch c t ss
syOn tion sion cion shion ssion cian
S  sh ch sch s =1 sc ti ci ss c x ssh sz tsch =2 j
Z  zh j g~ =1 s z ge x =2 sh
j  j z g~ dg dj =1 s ch zz di gg~ tz x ge =2 ts c ss y
c  ch tch j c~ tsch =1 t ts tz z cz cc tj q ti zh =2 x sh s
z  z s zz =1 ss x ts =2 j c
m  m mm mb =1 mn
n  n nn kn gn =1 mn nh =4 m
N  ng =1 n nn =2 m
Nk nk nc nq nx =1 nch
r  r l rr ll wr rh =1 lr ler rl
R  r rr rh wr =3 l ll
l  l ll =1 lh lr ler rl =5 r
h  h wh =1 f j kh =2 x ch g
y  y i j =1 e ll =2 gi
w  w u wh =1 o oo v =2 hu
a  a aa ah =1 ear u o ar ha au =2 ae =3 ai ea er or ur =4 e i y
e  e a ae ai ay ea ei eh =1 oe ie ue ee er =2 i =3 o u =4 y
i  i ee e y ea ie ey ei ii =1 oe ih yi ue =2 ai ui =3 u a igh oi =4 o
o  o oh oa ow au aw or =1 al oo ou oe a eau eaux ough augh oi =2 u =4 e i
u  u oo ou ue uh =1 o w ew ui wo eu oe =4 e i a y
O  eo u o er or ur ir e ear ar =1 a uh eu ou io au ough =2 i ea aw re =4 y
U  eu =1 u e o =2 i a er ou =3 y
Q  o oh ou ow =1 u e =2 a
ei a ay ai ei ey eigh ae =1 e ea eh
ai i y ie igh ai ei eye =1 ye uy ey ay =2 a e
au ou ow au ao =1 ough
oi oy oi =1 oj
ou o ow oa oe =1 ou
iO ia ear ier eer io ir ior =1 er eo ie ya yer
yu u ew yu you yoo ue eu iu =1 ui yue =2 o
yO yeo you =1 yu yo ye ya =2 eo
we we wa oe wae wai oi =1 whe ue we wei hue
wa wa oa ua oi =1 wo wha
wi wi wee ui we wy =1 whi ouie uy
wO wo wa =1 wal war wor weo whe
Ui ui eui =1 i e ee
aiO ire ia =1 yer ya aia
ia ia ya ea
io io yo eo
iy y i
ar r ar al =1 are aal
er l er el =1 elle ell
mek mc mac mack mcg macg
meK mc mac mack
naintin =1 19
sebUntin =1 17
siKsUtin =1 16
pipUtin =1 15
potin =1 14
sOtin =1 13
tuelbU =1 12
ilebUn =1 11
sOti =1 30 3
poti =1 40 4
siKsUti =1 60 6
sebUnti =1 70 7
eiti =1 80 8
nainti =1 90 9
si sh
swi sh shi sch schi she
ci ch tch =1 tsch
ji ge dge
jU ds des =1 ths thes
cU ts tes tz tts ttes
cO ture
yuO ure
en and
Ur le
al al
bi =3 b
si =3 c
di =3 d
epU =3 f
ji =3 g
eici =3 h
jei =3 j
kei =3 k
em =3 m
en =3 n
pi =3 p
kyu =3 q
esU =3 s
ti =3 t
bUi =3 v
dObUryu =3 w
eKsU =3 x
wai =3 y
jetU =3 z
wOn =1 1
tu =1 2
sUri =1 3
po =1 4
paibU =1 5
siKsU =1 6
sebUn =1 7
eiT =1 8
nain =1 9
jeRo =1 0
ten =1 10
tuenti =1 20
pipti =1 50
pipUti =1 50
hOndUredU =1 00
^i lee yi =1 li rhee rhie
^im lim yim rim
^yu ryu
^no roh ro
^ryu yoo yu
^u woo wu
^wu woo
^jO ch j
^jo cho jo
^jONU jung
0 0
1 1
2 2
3 3
4 4
5 5
6 6
7 7
8 8
9 9
";
