//! Claims about what strangers may send, checked with random inputs.
//!
//! Each claim is a function over bytes. Here it is tried on samples of WeChat's
//! that were changed a little; the fuzz targets in `/fuzz` try it on what
//! libFuzzer comes up with.

mod answer;
mod decrypt;
mod envelope;
mod forgeries;
mod hostile;
mod push;
mod query;
mod random;

use random::SeededRandom;
use std::fs;
use std::path::Path;

/// The number of inputs for each claim.
const INPUTS: usize = 30_000;

/// What makes parsers stumble, besides a space and a zero.
const WORDS: &str = r#"< > </ /> <xml> </xml> <![CDATA[ ]]> <!-- --> <? ?> <!DOCTYPE <Encrypt>
    </Encrypt> <Encrypt/> <List> </List> &amp; &#65; &#0; { } [ ] " \ \" \u0041 \ud83d "Encrypt":
    "a": , : & = 0 99999999999999999999"#;

fn seeds(of: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/properties/seeds").join(of);
    let files = fs::read_dir(&folder).expect("the samples are beside this file");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).expect("a file that can be read")).collect()
}

/// Holds a claim against changed samples. Some must be taken and some refused:
/// what only ever sees one kind proves little.
fn hold(of: &str, claim: fn(&[u8]) -> bool) {
    let seeds = seeds(of);
    for seed in &seeds {
        assert!(claim(seed), "a sample was not taken: {}", String::from_utf8_lossy(seed));
    }
    let mut random = SeededRandom::new(0x686f_6e67_7961_6e00);
    let words: Vec<_> = WORDS.split_whitespace().chain([" ", "\0"]).collect();
    let taken = (0..INPUTS).filter(|_| claim(&random.mutated(&seeds, &words))).count();
    assert!((INPUTS / 100..INPUTS * 99 / 100).contains(&taken), "{taken} of {INPUTS} were taken");
}

#[test]
fn a_query_is_taken_if_it_has_the_grammar() {
    hold("query", query::query);
}

/// Fault 21.
#[test]
fn the_scanner_finds_what_a_parser_finds() {
    hold("envelope", envelope::envelope);
}

#[test]
fn only_encrypted_messages_decrypt() {
    hold("decrypt", decrypt::decrypt);
}

#[test]
fn a_push_in_xml_is_the_same_when_written_anew() {
    hold("xml", push::xml);
}

#[test]
fn a_push_in_json_is_the_same_when_written_anew() {
    hold("json", push::json);
}

#[test]
fn an_answer_is_read_with_all_that_is_unknown_in_it() {
    hold("answer", answer::answer);
}
