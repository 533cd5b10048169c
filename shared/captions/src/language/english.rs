//! English.

use super::Lists;

pub(super) const LISTS: Lists = Lists {
    determiners: "a an the my your his her its our their this these those every each some any no another which whose \
                  very too quite so more most",
    auxiliaries: "am is are was were be been being have has had having do does did will would shall should can could \
                  may might must cannot can't won't don't doesn't didn't isn't aren't wasn't weren't haven't hasn't \
                  hadn't couldn't wouldn't shouldn't mustn't i'm you're he's she's it's we're they're i've you've \
                  we've they've i'd you'd he'd she'd we'd they'd i'll you'll he'll she'll it'll we'll they'll there's \
                  that's what's who's let's gonna wanna not never",
    pronouns: "i he she we they who",
    prepositions: "of to in for on with at by from into onto about as between against during without within through \
                   among toward towards upon across behind beneath beside besides beyond despite except inside near \
                   outside past since than till until under underneath via like per",
    conjunctions: "and or but nor yet because although though while whereas if unless that when where whenever \
                   wherever whether before after",
    titles: "mr mrs ms dr prof st sgt capt lt col gen rev hon sen rep gov mt vs",
};
