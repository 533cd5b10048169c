//! Spanish.

use super::Lists;

pub(super) const LISTS: Lists = Lists {
    determiners: "el la los las un una unos unas al del mi mis tu tus su sus nuestro nuestra nuestros nuestras vuestro \
                  vuestra este esta estos estas ese esa esos esas aquel aquella aquellos aquellas cada cualquier \
                  algún alguna algunos algunas ningún ninguna otro otra otros otras todo toda todos todas muy tan más",
    auxiliaries: "he has ha hemos habéis han había habías habíamos habían habrá habrán habría haber es son era eran fue \
                  fueron ser está están estoy estamos estaba estaban voy vas va vamos van puede pueden puedo podemos \
                  podía debe deben debo debemos quiero quiere no me te se nos os le les lo",
    pronouns: "yo tú él ella nosotros ellos ellas usted ustedes",
    prepositions: "a ante bajo con contra de desde durante en entre hacia hasta mediante para por según sin sobre tras",
    conjunctions: "y e o u ni pero sino porque pues aunque mientras si que cuando donde como quien cuyo cual",
    titles: "sr sra srta dr dra prof d dña ud uds",
};
