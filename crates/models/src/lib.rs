//! What embedding models want to be asked with: most that were trained to find passages for queries tell the two apart by a
//! prefix, an instruction or a parameter, and are worse without it.
//!
//! A model is known by its name, whoever serves it (`intfloat/multilingual-e5-small`, `multilingual-e5-small:latest`). An
//! unknown one is used as it is.

use serde::Serialize;

/// How a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Put before a query.
    pub query_prefix: &'static str,
    /// Put before a passage.
    pub passage_prefix: &'static str,
    /// The values of the request's `input_type` for queries and passages, for models that take it instead.
    pub input_types: Option<(&'static str, &'static str)>,
    /// Tokens of a text that count.
    pub max_tokens: u32,
    /// Length of the vectors, where the name says it.
    pub dimensions: Option<u32>,
    /// Knows English alone.
    pub is_english: bool,
    /// A table of words, whose vectors are means of its words': it compares words more than meanings.
    pub is_lexical: bool,
}

impl Profile {
    /// Queries and passages are embedded alike.
    pub fn is_symmetric(&self) -> bool {
        self.query_prefix == self.passage_prefix && self.input_types.is_none()
    }
}

const PLAIN: Profile = Profile {
    query_prefix: "",
    passage_prefix: "",
    input_types: None,
    max_tokens: 512,
    dimensions: None,
    is_english: false,
    is_lexical: false,
};

const fn prefixed(
    query_prefix: &'static str,
    passage_prefix: &'static str,
    max_tokens: u32,
) -> Profile {
    Profile {
        query_prefix,
        passage_prefix,
        max_tokens,
        ..PLAIN
    }
}

const fn plain(max_tokens: u32) -> Profile {
    Profile {
        max_tokens,
        ..PLAIN
    }
}

const fn english(profile: Profile) -> Profile {
    Profile {
        is_english: true,
        ..profile
    }
}

const fn typed(query: &'static str, passage: &'static str, max_tokens: u32) -> Profile {
    Profile {
        input_types: Some((query, passage)),
        max_tokens,
        ..PLAIN
    }
}

const fn of_length(profile: Profile, dimensions: u32) -> Profile {
    Profile {
        dimensions: Some(dimensions),
        ..profile
    }
}

const SEARCH: &str = "Represent this sentence for searching relevant passages: ";
const INSTRUCT: &str =
    "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ";

/// Parts of names, the first that stands in a name counts. From the models' own cards and documentation; of hosted models none
/// was called.
const PROFILES: &[(&str, Profile)] = &[
    // Wang et al. 2022, 2024.
    (
        "multilingual-e5-large-instruct",
        of_length(prefixed(INSTRUCT, "", 512), 1024),
    ),
    ("e5-mistral", of_length(prefixed(INSTRUCT, "", 4096), 4096)),
    (
        "multilingual-e5-small",
        of_length(prefixed("query: ", "passage: ", 512), 384),
    ),
    (
        "multilingual-e5-base",
        of_length(prefixed("query: ", "passage: ", 512), 768),
    ),
    (
        "multilingual-e5-large",
        of_length(prefixed("query: ", "passage: ", 512), 1024),
    ),
    (
        "e5-small",
        english(of_length(prefixed("query: ", "passage: ", 512), 384)),
    ),
    (
        "e5-base",
        english(of_length(prefixed("query: ", "passage: ", 512), 768)),
    ),
    (
        "e5-large",
        english(of_length(prefixed("query: ", "passage: ", 512), 1024)),
    ),
    // BAAI's FlagEmbedding.
    ("bge-m3", of_length(plain(8192), 1024)),
    (
        "bge-small-en",
        english(of_length(prefixed(SEARCH, "", 512), 384)),
    ),
    (
        "bge-base-en",
        english(of_length(prefixed(SEARCH, "", 512), 768)),
    ),
    (
        "bge-large-en",
        english(of_length(prefixed(SEARCH, "", 512), 1024)),
    ),
    (
        "bge-small-zh",
        prefixed("为这个句子生成表示以用于检索相关文章：", "", 512),
    ),
    (
        "bge-base-zh",
        prefixed("为这个句子生成表示以用于检索相关文章：", "", 512),
    ),
    (
        "bge-large-zh",
        prefixed("为这个句子生成表示以用于检索相关文章：", "", 512),
    ),
    // Nomic.
    (
        "nomic-embed-text-v2",
        of_length(prefixed("search_query: ", "search_document: ", 512), 768),
    ),
    (
        "nomic-embed-text",
        english(of_length(
            prefixed("search_query: ", "search_document: ", 8192),
            768,
        )),
    ),
    // Mixedbread, Snowflake.
    (
        "mxbai-embed-large",
        english(of_length(prefixed(SEARCH, "", 512), 1024)),
    ),
    (
        "mxbai-embed-xsmall",
        english(of_length(prefixed(SEARCH, "", 4096), 384)),
    ),
    (
        "arctic-embed-l-v2",
        of_length(prefixed("query: ", "", 8192), 1024),
    ),
    (
        "arctic-embed-m-v2",
        of_length(prefixed("query: ", "", 8192), 768),
    ),
    (
        "arctic-embed2",
        of_length(prefixed("query: ", "", 8192), 1024),
    ),
    ("arctic-embed", english(prefixed(SEARCH, "", 512))),
    // Alibaba.
    ("gte-qwen2", prefixed(INSTRUCT, "", 32_768)),
    (
        "qwen3-embedding",
        prefixed(
            "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:",
            "",
            32_768,
        ),
    ),
    ("gte-multilingual", of_length(plain(8192), 768)),
    ("gte-small", english(of_length(plain(512), 384))),
    ("gte-base", english(of_length(plain(512), 768))),
    ("gte-large", english(of_length(plain(512), 1024))),
    // Google.
    (
        "embeddinggemma",
        of_length(
            prefixed(
                "task: search result | query: ",
                "title: none | text: ",
                2048,
            ),
            768,
        ),
    ),
    (
        "gemini-embedding-2",
        of_length(
            prefixed(
                "task: search result | query: ",
                "title: none | text: ",
                8192,
            ),
            3072,
        ),
    ),
    ("gemini-embedding", of_length(plain(2048), 3072)),
    // Cohere and Voyage.
    (
        "embed-english",
        english(typed("search_query", "search_document", 512)),
    ),
    (
        "embed-multilingual",
        typed("search_query", "search_document", 512),
    ),
    (
        "embed-v4",
        typed("search_query", "search_document", 128_000),
    ),
    ("voyage-", typed("query", "document", 32_000)),
    // OpenAI, Mistral.
    ("text-embedding-3-small", of_length(plain(8191), 1536)),
    ("text-embedding-3-large", of_length(plain(8191), 3072)),
    ("text-embedding-ada-002", of_length(plain(8191), 1536)),
    ("mistral-embed", of_length(plain(8192), 1024)),
    // Sentence transformers; granite takes texts as they are.
    ("all-minilm", english(of_length(plain(256), 384))),
    ("all-mpnet", english(of_length(plain(384), 768))),
    ("granite-embedding", plain(512)),
    (
        "wordllama",
        Profile {
            is_lexical: true,
            ..english(of_length(plain(8192), 256))
        },
    ),
];

/// The profile of a model; an unknown one takes texts as they are.
pub fn profile(model: &str) -> Profile {
    let model = model.to_lowercase().replace('_', "-");
    (PROFILES.iter())
        .find(|(name, _)| model.contains(name))
        .map_or(PLAIN, |(_, profile)| *profile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_known_by_whatever_name_they_are_served() {
        for (model, query_prefix, passage_prefix) in [
            ("intfloat/multilingual-e5-small", "query: ", "passage: "),
            ("BAAI/bge-small-en-v1.5", SEARCH, ""),
            (
                "nomic-embed-text:latest",
                "search_query: ",
                "search_document: ",
            ),
            ("snowflake-arctic-embed2:568m", "query: ", ""),
            ("text-embedding-3-small", "", ""),
            ("our-own-model", "", ""),
        ] {
            let profile = profile(model);
            assert_eq!(
                (profile.query_prefix, profile.passage_prefix),
                (query_prefix, passage_prefix),
                "{model}"
            );
        }
        assert_eq!(
            profile("embed-multilingual-v3.0").input_types,
            Some(("search_query", "search_document"))
        );
        assert!(profile("our-own-model").is_symmetric());
        assert!(!profile("voyage-3.5").is_symmetric());
    }

    #[test]
    fn no_profile_is_hidden_by_an_earlier_one() {
        for (index, (name, _)) in PROFILES.iter().enumerate() {
            let first = PROFILES.iter().position(|(other, _)| name.contains(other));
            assert_eq!(first, Some(index), "{name}");
        }
    }
}
