//! French.

use super::Lists;

pub(super) const LISTS: Lists = Lists {
    determiners: "le la les l' un une des du au aux mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs ce \
                  cet cette ces chaque quelque quelques plusieurs aucun aucune tout toute tous toutes très trop plus \
                  si quel quelle quels quelles",
    auxiliaries: "ai as a avons avez ont avais avait avions aviez avaient aura auront aurait avoir suis es est sommes \
                  êtes sont étais était étions étiez étaient sera seront serait être vais vas va allons allez vont \
                  peux peut pouvons pouvez peuvent doit dois devons doivent faut j'ai n'est c'est n'a n'ai qu'il ne \
                  n'y me te se nous vous lui y en",
    pronouns: "je tu il elle on ils elles",
    prepositions: "à de dans par pour en vers avec sans sous sur chez entre contre depuis pendant après avant \
                   devant derrière jusque jusqu'à parmi selon malgré dès",
    conjunctions: "et ou mais donc or ni car que qui quand lorsque puisque parce comme si dont où quoique tandis afin",
    titles: "m mm mme mmes mlle dr me pr st ste",
};
