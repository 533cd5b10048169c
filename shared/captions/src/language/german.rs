//! German.

use super::Lists;

pub(super) const LISTS: Lists = Lists {
    determiners: "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine \
                  meinen meinem meiner dein deine deinen sein seine seinen seinem seiner ihr ihre ihren ihrem ihrer \
                  unser unsere unseren euer eure dieser diese dieses diesen diesem jeder jede jedes jeden jedem \
                  welcher welche welches alle allen viele sehr zu so ganz im am zum zur beim vom ins ans",
    auxiliaries: "bin bist ist sind seid war waren warst habe hast hat haben habt hatte hatten werde wirst wird werden \
                  werdet wurde wurden kann kannst können könnt konnte muss musst müssen musste soll sollen sollte \
                  will wollen wollte darf dürfen durfte mag mögen möchte nicht sich",
    pronouns: "ich du er wir sie es man",
    prepositions: "an auf aus bei bis durch für gegen hinter in mit nach neben ohne über um unter von vor während \
                   wegen trotz zwischen seit statt gegenüber",
    conjunctions: "und oder aber denn sondern weil dass da wenn als ob obwohl damit während bevor nachdem sobald \
                   wie wo falls sowie",
    titles: "hr fr dr prof st z.b u.a d.h bzw ca nr",
};
