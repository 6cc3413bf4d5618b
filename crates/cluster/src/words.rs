//! The words of a query, as far as they can say what it is about.

/// Words that carry no topic, of the main European languages. Left out are those that another
/// language has as a noun (German `hat`, French `car`): where such a word is common, it is found
/// by being in too many clusters.
const STOP_WORDS: &str = "
a about after all also am an and any are aren as at be been before being between both but by can
cant could couldn did didn do does doesn doing don dont for from get got had has hasn have haven
he her here him his how if in into is isn it its just ll me more most much many my near no nor not
of off often on one only or other our out over per re shall she should shouldn so some such than that the
their them then there these they this those to too up us ve vs versus very was wasn we were weren
what whats when where which while who whom whose why will with without won wont would wouldn you
your yours
aber als auf aus bei beim bis da damit dann das dass dein dem den denn der des dich dir doch du
durch ein eine einem einen einer eines er es euch für gegen habe haben hier ich ihm ihn ihr ihre im
ins ist ja jede jeder kann kein keine können mein meine mich mir mit muss müssen nach nicht noch nur
ob oder ohne schon sehr sein seine sich sie sind soll sollte über um und uns unser unter vom von vor
wann warum was welche welchen welcher welches wenn wer werden wie wieviel wird wir wo wohin wurde zu
zum zur zwischen
alors au aucun aussi autre aux avec avoir ce cela ces cet cette ceux chez combien comme comment dans
de depuis des dont du elle elles en entre est et être eux faire fait il ils je la le les leur leurs
lui mais mes mon même ne nos notre nous où ou par parce pas pendant peut peux plus pour pourquoi qu
quand que quel quelle quelles quels qui quoi sa sans se ses si sont sous sur ta te tes toi ton tous
tout toute toutes très tu un une vers vos votre vous
al algo ante antes aquí así cada como con contra cual cuál cuales cuando cuándo cuánto cuánta cuántos
cómo del desde donde dónde el ella ellos entre era eres esa ese eso esta está estas este esto estos
están ha hace hacer hacia hasta hay la las lo los me mejor mi muy más nada ni no nos nosotros o otra
otro para pero poco por porque puede puedo que qué quien quién se ser si sí sin sobre solo son su sus
también tan te tengo tiene todo todos tu tus un una uno unos usted y ya yo
agli ai alla alle allo anche ancora c che chi ci col come cosa cui da dal dalla dalle degli dei del
della delle dello dentro di dopo dov dove e ed fa fare fino gli ha hanno ho i il in io la le lei lo
loro lui ma meglio mi mio molto ne negli nei nel nella nelle non o ogni oppure per perché però più
possono può qual quale quali quando quanta quanti quanto questa questo quindi se sei senza si sono
sta su sui sul sulla tra tua tuo tutti un una uno vi
ao aos as à às com da das de dela dele do dos e ela ele eles em entre essa esse esta este eu foi fazer
há isso isto já lhe mais mas melhor meu minha muito na nas nem no nos não o onde os ou para pela pelo
pode por porque qual quais quando quanto quantos que quem se sem ser seu seus sobre sua são só também
te tem ter um uma umas uns você à é
aan al alle bij dan dat de der deze die dit door een en er ga geen had heb hebben heeft het hij hoe
hoeveel hun iets ik in is je jij jou jouw kan kun kunnen maar mag meer met mij mijn moet na naar niet
nog nu of om omdat onder ons ook op over te tegen ten toch tot tussen uit uw van veel voor waar waarom
wanneer wat we wel welke werd wie wij wil wordt worden zal ze zich zij zijn zo zonder zou
alla allt att av blir dem den det detta du efter eller en ett från får för gör han har hon hos hur hvad
hvem hvilken hvilket hvis hvor hvordan hvorfor i ikke inte jag jeg kan med mellan mellem mig min mit
mitt mot mycket när någon något och og også om oss på skal ska som så til till uden under upp ut utan
vad var varför vem vi vid vil vilken vilket är år än åt
bez by być co czy czym dla do gdy gdzie go i ich ile jak jaka jaki jakie je jest już kiedy kto ktoś
która które który lub ma mam może mój można na nad nie niż o od oraz po pod przez przy się są ta tak
tam te tego ten to tu tylko w we więc z za ze że
";

/// What is left out wherever topics are told apart.
pub fn stop_words() -> std::collections::HashSet<&'static str> {
    STOP_WORDS.split_whitespace().collect()
}

/// Words in lower case; single letters and digits are none, single ideographs are.
pub fn words(query: &str) -> impl Iterator<Item = String> + '_ {
    let is_word = |word: &&str| {
        let mut chars = word.chars();
        match (chars.next(), chars.next()) {
            (Some(only), None) => {
                only.is_alphabetic() && !only.is_lowercase() && !only.is_uppercase()
            }
            (first, _) => first.is_some(),
        }
    };
    query
        .split(|c: char| !c.is_alphanumeric())
        .filter(is_word)
        .map(str::to_lowercase)
}

/// What the forms of a word have in common, nearly: `commuter` and `commuting`, `Lampe` and
/// `Lampen`, `zapato` and `zapatos`. For comparing only.
pub fn stem(word: &str) -> &str {
    const ENDINGS: [&str; 9] = ["ing", "ed", "er", "en", "ie", "e", "y", "o", "a"];
    let cut = |word: &'_ str, ending: &str, least: usize| {
        word.strip_suffix(ending)
            .map(str::len)
            .filter(|&length| word[..length].chars().count() >= least)
    };
    let word = match cut(word, "s", 3) {
        Some(length) if !word.ends_with("ss") => &word[..length],
        _ => word,
    };
    let length = ENDINGS.iter().find_map(|ending| cut(word, ending, 4));
    &word[..length.unwrap_or(word.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_digits_are_no_words_but_ideographs_are() {
        let found: Vec<String> = words("Won't a 5 L'Été и 抹 茶碗 503 i-pad").collect();
        assert_eq!(found, ["won", "été", "抹", "茶碗", "503", "pad"]);
    }

    #[test]
    fn forms_of_a_word_are_one() {
        for (one, other) in [
            ("bike", "bikes"),
            ("gear", "gears"),
            ("cycle", "cycling"),
            ("commuter", "commuting"),
            ("battery", "batteries"),
            ("burn", "burned"),
            ("lampe", "lampen"),
            ("zapato", "zapatos"),
            ("chaussure", "chaussures"),
        ] {
            assert_eq!(stem(one), stem(other));
        }
        for (one, other) in [
            ("car", "care"),
            ("chain", "chair"),
            ("glas", "glass"),
            ("茶", "茶碗"),
        ] {
            assert_ne!(stem(one), stem(other));
        }
    }
}
