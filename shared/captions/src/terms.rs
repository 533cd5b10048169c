//! What a transcript is about, word by word: its sentences, and in each the words that carry meaning.
//!
//! Ground for [`crate::keywords`] and [`crate::chapters`]; nothing is weighed here.

use std::collections::HashSet;

use crate::language::{Grammar, is_spaceless, line_breaks, needs_dictionary, primary};
use crate::layout::{joined, tokens};
use crate::profanity::Profanity;
use crate::rules::LayoutRules;
use crate::transcript::{Transcript, Word, WordKind};

/// A silence longer than this ends a sentence whatever the punctuation, in milliseconds.
const PAUSE_MS: u64 = 1_500;
/// Engines that give no punctuation still make pauses; a sentence without either ends here, in words.
const MOST_WORDS: usize = 60;
/// A run of Han characters longer than this is no word, but several.
const LONGEST_HAN_WORD: usize = 4;

/// Words that talk is full of and that no list of stop words has.
const ENGLISH_FILLERS: &str = "um uh er erm hmm show shows showed shown okay ok yeah yes well really actually basically just get got getting gets go going goes gone went \
     come came comes coming know knows knew known think thinks thought mean means meant thing things something anything \
     everything nothing someone anyone everyone everybody somebody lot lots kind sort bit way ways also even maybe let \
     want wants wanted need needs needed say says said saying see sees saw seen look looks looked looking make makes \
     made making take takes took taken put puts one two three four five six seven eight nine ten eleven twelve twenty \
     thirty forty fifty hundred thousand million first second third next last today now good better best bad great \
     morning afternoon evening hello hi welcome thank thanks please much many little big large small new old long short \
     would could should shall may might must cannot whether within without however therefore thus often always never \
     sometimes already still yet almost around away back rather quite perhaps course question answer called call tell \
     told talk talking give gives gave given keep keeps kept find found use used using become becomes became another \
     every each since years year time times day days week weeks month months people person";
const SPANISH_FILLERS: &str = "pues bueno entonces hay hacer hace hacen vez veces cosa cosas ahora hoy aquí así bien muy mucho mucha muchos \
     muchas poder puede pueden decir dice dijo ver vamos ir va van año años día días uno dos tres cuatro cinco mil cada \
     gracias hola buenos buenas gente";
const FRENCH_FILLERS: &str = "alors donc bon bien oui non très beaucoup faire fait font chose choses aujourd'hui maintenant ici aussi comme \
     peut peuvent dire dit voir aller va vont an ans année années jour jours deux trois quatre cinq mille chaque merci \
     bonjour gens";
const GERMAN_FILLERS: &str = "also ja nein gut sehr viel viele machen macht gemacht ding dinge heute jetzt hier auch mal eben halt sagen sagt \
     sehen geht gehen kommt kommen jahr jahre jahren tag tage zwei drei vier fünf tausend danke hallo leute immer schon \
     noch mehr";

/// A word of a sentence.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent facts about one word, each with a name"
)]
pub(crate) struct Term {
    /// As it stands, without punctuation.
    pub text: String,
    /// Lower case, without a plural's `s`: the same for words that mean the same.
    pub key: String,
    /// Whether it says nothing of the subject.
    pub is_stop: bool,
    /// Whether it may stand inside a name of several words (`bank of England`).
    pub joins: bool,
    /// Whether a mark before it separates it from its neighbour.
    pub begins_phrase: bool,
    /// Whether its capital says nothing, since a sentence begins with it.
    pub begins_sentence: bool,
    /// Whether it was cut out of a run of characters and may be no word at all.
    pub is_guess: bool,
}

/// A sentence, or what stands for one where there is no punctuation.
#[derive(Debug)]
pub(crate) struct Sentence<'a> {
    pub start_ms: u64,
    pub words: &'a [Word],
    pub terms: Vec<Term>,
}

impl Sentence<'_> {
    /// Its text on one line.
    pub fn text(&self, language: Option<&str>) -> String {
        let transcript = Transcript::new(language.map(str::to_owned), self.words.to_vec(), 0);
        let rules = LayoutRules {
            max_chars_per_line: u32::MAX,
            ..LayoutRules::default()
        };
        joined(&tokens(
            &transcript,
            &rules,
            Grammar::of(language.unwrap_or_default()),
        ))
    }
}

/// The sentences of `transcript` that anything is said in.
pub(crate) fn sentences(transcript: &Transcript) -> Vec<Sentence<'_>> {
    let reader = Reader::new(transcript.language.as_deref().unwrap_or_default());
    let words = &transcript.words;
    let mut found = Vec::new();
    let mut from = 0;
    for at in 0..words.len() {
        let next = words.get(at + 1);
        let goes_on = next.is_some_and(|next| {
            next.kind == WordKind::Punctuation
                || !reader.ends_sentence(&words[at]) && {
                    let pause_ms = next.start_ms.saturating_sub(words[at].end_ms);
                    let changes = next.speaker.is_some() && next.speaker != words[at].speaker;
                    words[at].kind != WordKind::Word
                        || !changes && pause_ms <= PAUSE_MS && at + 1 - from < MOST_WORDS
                }
        });
        if goes_on {
            continue;
        }
        let sentence = &words[from..=at];
        from = at + 1;
        let terms = reader.terms(sentence);
        let start_ms = sentence.iter().find(|word| word.kind == WordKind::Word);
        if let (Some(first), false) = (start_ms, terms.is_empty()) {
            found.push(Sentence {
                start_ms: first.start_ms,
                words: sentence,
                terms,
            });
        }
    }
    found
}

/// Tells the words of one language apart.
struct Reader {
    grammar: &'static Grammar,
    stops: HashSet<&'static str>,
    profanity: Profanity,
}

impl Reader {
    fn new(language: &str) -> Self {
        let code = primary(language);
        let fillers = match code.as_str() {
            "en" => ENGLISH_FILLERS,
            "es" => SPANISH_FILLERS,
            "fr" => FRENCH_FILLERS,
            "de" => GERMAN_FILLERS,
            _ => "",
        };
        // Norwegian goes by two codes.
        let listed = stop_words::lookup(if code == "nb" { "no" } else { &code }).unwrap_or_default();
        Self {
            grammar: Grammar::of(language),
            stops: listed.iter().copied().chain(fillers.split_whitespace()).collect(),
            profanity: Profanity::for_language(language),
        }
    }

    fn ends_sentence(&self, word: &Word) -> bool {
        word.kind != WordKind::AudioTag && self.grammar.features(&word.text).ends_sentence
    }

    fn terms(&self, words: &[Word]) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        let mut begins_phrase = true;
        for word in words {
            match word.kind {
                WordKind::Word => {}
                WordKind::Punctuation | WordKind::AudioTag => {
                    begins_phrase = true;
                    continue;
                }
            }
            for part in word.text.split_whitespace() {
                let core = part.trim_matches(|c: char| !c.is_alphanumeric());
                begins_phrase |= !part.starts_with(core);
                for (place, (piece, is_guess)) in self.pieces(core).into_iter().enumerate() {
                    let begins_phrase = begins_phrase && place == 0 || piece.contains(is_spaceless);
                    let term = self.term(piece, begins_phrase, terms.is_empty());
                    terms.push(Term { is_guess, ..term });
                }
                // A full stop of an abbreviation parts nothing.
                let is_abbreviation = part.ends_with('.') && !self.grammar.features(part).ends_sentence;
                begins_phrase = !part.ends_with(core) && !is_abbreviation;
            }
        }
        terms
    }

    fn term(&self, piece: &str, begins_phrase: bool, begins_sentence: bool) -> Term {
        let text = ["'s", "\u{2019}s"]
            .into_iter()
            .find_map(|suffix| piece.strip_suffix(suffix))
            .unwrap_or(piece);
        let lower = text.to_lowercase().replace('\u{2019}', "'");
        let is_unspaced = text.contains(is_spaceless);
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let least = if is_unspaced { 2 } else { 3 };
        let is_hiragana = text.chars().all(|c| ('\u{3041}'..='\u{309f}').contains(&c));
        let is_acronym = letters == 2 && text.len() == 2 && text.chars().all(char::is_uppercase);
        let is_stop = letters < least && !is_acronym
            || is_hiragana
            || text.chars().any(char::is_numeric) && letters < least
            || self.stops.contains(lower.as_str())
            || self.grammar.has_role(text) && !is_acronym
            || self.profanity.lists(text);
        let key = match lower.strip_suffix('s') {
            Some(stem) if letters > 3 && !stem.ends_with('s') => stem.to_owned(),
            _ => lower,
        };
        Term {
            text: text.to_owned(),
            key,
            is_stop,
            joins: self.grammar.has_role(text),
            begins_phrase,
            begins_sentence,
            is_guess: false,
        }
    }

    /// A word as it is, but for scripts without blanks, whose words stick together: cut where the script changes and at
    /// characters that are stop words, and what is still a long run of Han characters into pairs, which are guesses.
    fn pieces<'t>(&self, core: &'t str) -> Vec<(&'t str, bool)> {
        if core.is_empty() {
            return Vec::new();
        }
        if !core.contains(is_spaceless) {
            return vec![(core, false)];
        }
        let class_of = |at: usize, character: char| {
            let text = &core[at..at + character.len_utf8()];
            match class_of(character) {
                Class::Han if self.stops.contains(text) => Class::Mark,
                class => class,
            }
        };
        let mut runs = Vec::new();
        let mut from = 0;
        let mut class = Class::Mark;
        for (at, character) in core.char_indices() {
            let found = class_of(at, character);
            if class != found {
                runs.push((class, &core[from..at]));
                (from, class) = (at, found);
            }
        }
        runs.push((class, &core[from..]));
        let mut pieces = Vec::new();
        for (class, run) in runs {
            match class {
                Class::Mark => {}
                Class::Han if run.chars().count() > LONGEST_HAN_WORD => {
                    let ends: Vec<usize> = run.char_indices().map(|(at, _)| at).chain([run.len()]).collect();
                    pieces.extend(ends.windows(3).map(|ends| (&run[ends[0]..ends[2]], true)));
                }
                _ if run.contains(needs_dictionary) => {
                    let mut from = 0;
                    for to in line_breaks(run) {
                        pieces.push((&run[from..to], false));
                        from = to;
                    }
                }
                _ => pieces.push((run, false)),
            }
        }
        pieces
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Han,
    Hiragana,
    Katakana,
    Other,
    Mark,
}

fn class_of(character: char) -> Class {
    match character {
        '\u{3041}'..='\u{309f}' => Class::Hiragana,
        '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' => Class::Katakana,
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3134f}' => Class::Han,
        _ if character.is_alphanumeric() || !is_spaceless(character) => Class::Other,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' => Class::Other,
        _ => Class::Mark,
    }
}
