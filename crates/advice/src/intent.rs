//! What somebody who searches wants: to know, to choose, to get, or to go somewhere (Broder, "A taxonomy of web search", 2002;
//! "commercial" as the trade has it). By words, in the page's language and in English, which is mixed into most.

use crate::words::has_phrase;
use serde::{Deserialize, Serialize};

/// In the order of how near it is to a purchase, places last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Intent {
    Informational,
    Commercial,
    Transactional,
    Navigational,
}

/// What tells the intents of a language, phrases parted by `;`.
struct Signs {
    language: &'static str,
    transactional: &'static str,
    commercial: &'static str,
    /// Asks how, when or why, whatever else stands there.
    question: &'static str,
    /// Looks for a certain site's page, whoever the site's owner is.
    navigational: &'static str,
    /// The same, when the site itself is named.
    about_site: &'static str,
}

const SIGNS: &[Signs] = &[
    Signs {
        language: "en",
        transactional: "buy;order;coupon;coupons;discount;for sale;sale;deal;deals;near me;hire;rent;rental;quote;quotes;book;download;free trial;subscribe;where to buy;shop",
        commercial: "best;top;vs;versus;review;reviews;compare;comparison;compared;alternative;alternatives;price;prices;pricing;cost;costs;cheap;cheapest;worth it;or",
        question: "how;why;when;what;who;can;do;does;is;are;should;meaning;difference",
        navigational: "login;log in;sign in;signin;customer service;phone number;careers;store hours;opening hours;near me",
        about_site: "jobs;support;contact;app;download;tracking;locations;dealer;store;stores;shop;reviews;review;forum;blog;wiki;website;com;account;address;email;help;manual;docs;official",
    },
    Signs {
        language: "de",
        transactional: "kaufen;bestellen;günstig;rabatt;gutschein;angebot;angebote;mieten;buchen;herunterladen;in der nähe",
        commercial: "beste;bester;bestes;besten;test;vergleich;vergleichen;erfahrungen;erfahrung;bewertung;bewertungen;alternative;alternativen;preis;preise;kosten;oder;testsieger",
        question: "wie;warum;wann;was;wer;wo;welche;welcher;welches;darf;muss;kann;ist;sind;unterschied;bedeutung",
        navigational: "anmelden;anmeldung;einloggen;kundenservice;telefonnummer;öffnungszeiten;in der nähe;stellenangebote;karriere",
        about_site: "forum;kontakt;jobs;app;adresse;shop;filialen;filiale;erfahrungen;bewertungen;hotline;konto;newsletter",
    },
    Signs {
        language: "fr",
        transactional: "acheter;commander;promo;code promo;réduction;soldes;louer;location;réserver;devis;télécharger;livraison;pas cher;près de moi",
        commercial: "meilleur;meilleure;meilleurs;meilleures;avis;comparatif;comparaison;test;prix;tarif;tarifs;coût;ou;alternative",
        question: "comment;pourquoi;quand;que;quoi;qui;où;quel;quelle;quels;quelles;combien;peut;faut;est;différence",
        navigational: "connexion;se connecter;service client;numéro de téléphone;téléphone;horaires;recrutement;près de moi",
        about_site: "avis;contact;adresse;magasin;magasins;livraison;appli;application;forum;site officiel;catalogue;compte;sav",
    },
    Signs {
        language: "es",
        transactional: "comprar;pedir;oferta;ofertas;descuento;cupón;alquilar;alquiler;reservar;presupuesto;descargar;barato;barata;cerca de mí;cerca de mi",
        commercial: "mejor;mejores;opiniones;reseña;reseñas;comparativa;comparar;precio;precios;coste;costo;vs;o;alternativa;alternativas",
        question: "cómo;como;por qué;porque;cuándo;cuando;qué;que;quién;dónde;donde;cuál;cuánto;cuanto;puede;diferencia",
        navigational: "iniciar sesión;acceder;atención al cliente;teléfono;horario;horarios;empleo;cerca de mí;cerca de mi",
        about_site: "opiniones;contacto;dirección;tienda;tiendas;app;descargar;foro;manual;ayuda;cuenta;docs;página oficial",
    },
    Signs {
        language: "it",
        transactional: "comprare;acquistare;ordinare;offerta;offerte;sconto;coupon;noleggio;prenotare;preventivo;scaricare;vicino a me",
        commercial: "migliore;migliori;recensione;recensioni;confronto;opinioni;prezzo;prezzi;costo;costi;o;alternativa;alternative",
        question: "come;perché;quando;cosa;chi;dove;quale;quali;quanto;quanta;quanti;può;differenza;significato",
        navigational: "accedi;login;servizio clienti;numero di telefono;orari;lavora con noi;vicino a me",
        about_site: "recensioni;contatti;indirizzo;negozio;negozi;app;forum;sito ufficiale;account",
    },
    Signs {
        language: "nl",
        transactional: "kopen;bestellen;aanbieding;aanbiedingen;korting;kortingscode;huren;boeken;offerte;downloaden;goedkoop;in de buurt",
        commercial: "beste;review;reviews;ervaringen;vergelijken;vergelijking;test;prijs;prijzen;kosten;of;alternatief",
        question: "hoe;waarom;wanneer;wat;wie;waar;welke;welk;hoeveel;hoelang;kun;kan;mag;moet;is;verschil;betekenis",
        navigational: "inloggen;klantenservice;telefoonnummer;openingstijden;vacatures;in de buurt",
        about_site: "recepten;contact;adres;winkel;winkels;app;forum;nl;account",
    },
    Signs {
        language: "pt",
        transactional: "comprar;encomendar;oferta;ofertas;desconto;cupom;alugar;reservar;orçamento;baixar;barato;perto de mim",
        commercial: "melhor;melhores;avaliação;avaliações;comparação;comparar;preço;preços;custo;ou;vs;alternativa;alternativas",
        question: "como;por que;porque;quando;o que;quem;onde;qual;quais;quanto;quantos;pode;diferença;significado",
        navigational: "entrar;atendimento ao cliente;telefone;horário;horários;vagas;perto de mim",
        about_site: "avaliações;contato;endereço;loja;lojas;app;fórum;site oficial;conta",
    },
    Signs {
        language: "pl",
        transactional: "kupić;kup;zamówić;sklep;promocja;rabat;wynajem;rezerwacja;pobierz;tanio;w pobliżu",
        commercial: "najlepszy;najlepsza;najlepsze;opinie;porównanie;ranking;cena;ceny;koszt;czy;alternatywa",
        question: "jak;dlaczego;kiedy;co;kto;gdzie;jaki;jaka;jakie;ile;czy;różnica",
        navigational: "logowanie;zaloguj;obsługa klienta;numer telefonu;godziny otwarcia;praca;w pobliżu",
        about_site: "opinie;kontakt;adres;sklep;aplikacja;forum;konto",
    },
    Signs {
        language: "ja",
        transactional: "購入;注文;通販;予約;ダウンロード;クーポン;レンタル;申し込み",
        commercial: "おすすめ;比較;ランキング;口コミ;評判;値段;価格;料金;レビュー",
        question: "方法;とは;なぜ;いつ;やり方;使い方;作り方;違い;何;どう",
        navigational: "ログイン;電話番号;営業時間;問い合わせ;採用",
        about_site: "アプリ;口コミ;評判;公式;店舗;ログイン;会員;ブログ;クーポン",
    },
];

fn signs(language: &str) -> impl Iterator<Item = &'static Signs> + use<'_> {
    let code = language.get(..2).unwrap_or("").to_lowercase();
    SIGNS
        .iter()
        .filter(move |signs| signs.language == code || signs.language == "en")
}

fn has_any(words: &[String], phrases: &str) -> bool {
    phrases.split(';').any(|phrase| has_phrase(words, phrase))
}

/// The intent of a query, given by its lower-case words. One that looks for a site is told apart by the caller.
pub fn intent(words: &[String], language: &str) -> Intent {
    let any = |list: fn(&Signs) -> &'static str| signs(language).any(|s| has_any(words, list(s)));
    if any(|s| s.navigational) {
        Intent::Navigational
    } else if any(|s| s.question) {
        Intent::Informational
    } else if any(|s| s.transactional) {
        Intent::Transactional
    } else if any(|s| s.commercial) {
        Intent::Commercial
    } else {
        Intent::Informational
    }
}

/// Whether it looks for a certain page of somebody's site: a login, a phone number.
pub fn is_navigational(words: &[String], language: &str) -> bool {
    signs(language).any(|signs| has_any(words, signs.navigational))
}

/// Whether every one of `words` is what people put behind a site's name to get to a page of it.
pub fn is_about_site(words: &[String], language: &str) -> bool {
    words.iter().all(|word| {
        let word = std::slice::from_ref(word);
        signs(language).any(|s| has_any(word, s.about_site) || has_any(word, s.navigational))
    }) || signs(language).any(|signs| has_any(words, signs.navigational))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::words;

    #[test]
    fn intents_are_told_in_the_pages_language() {
        for (language, query, expected) in [
            ("en", "best grinder under 200", Intent::Commercial),
            ("en", "buy bambino plus", Intent::Transactional),
            ("en", "how to buy a house", Intent::Informational),
            ("en", "descale kettle", Intent::Informational),
            ("en", "ally bank login", Intent::Navigational),
            ("de", "schneeschaufel kaufen", Intent::Transactional),
            ("de", "schneefräse test", Intent::Commercial),
            ("fr", "barbecue charbon avis", Intent::Commercial),
            ("es", "cómo descargar fotos", Intent::Informational),
            ("ja", "温泉卵 おすすめ", Intent::Commercial),
        ] {
            assert_eq!(intent(&words(query), language), expected, "{query}");
        }
    }
}
