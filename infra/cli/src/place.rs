//! Which deployment is meant.

use clap::Args;

/// Where the local stack's AWS answers, unless told otherwise.
pub(crate) const LOCAL: &str = "http://127.0.0.1:4566";

/// Which deployment is meant: a stage of an account and region, or the one that
/// `make run` has started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which deployment")]
pub(crate) struct Place {
    /// The stage that was deployed [default: prod, or local with --local].
    #[arg(long, global = true, value_parser = stage)]
    stage: Option<String>,
    /// The AWS region [default: that of the environment or the profile].
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// The profile of ~/.aws/config whose credentials are used.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// What `make run` has started on this machine; =URL if its AWS answers elsewhere.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = LOCAL,
        conflicts_with_all = ["region", "profile"],
        value_parser = url
    )]
    pub(crate) local: Option<String>,
}

impl Place {
    /// The stage.
    pub(crate) fn stage(&self) -> &str {
        let usual = if self.local.is_some() { "local" } else { "prod" };
        self.stage.as_deref().unwrap_or(usual)
    }
}

/// The template's grammar of a stage.
fn stage(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let begins = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
    if !begins || text.len() > 16 || !text.bytes().all(allowed) {
        return Err("a stage has 1 to 16 of a-z, 0-9 and -, and begins with a letter".to_owned());
    }
    Ok(text.to_owned())
}

fn url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    if text.strip_prefix("http://").is_none_or(str::is_empty) {
        return Err(format!("write scheme, host and port, as in {LOCAL}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        place: Place,
    }

    fn place(arguments: &[&str]) -> Result<Place, clap::Error> {
        Only::try_parse_from([&["hongyan"], arguments].concat()).map(|only| only.place)
    }

    #[test]
    fn what_is_meant_if_nothing_is_said() {
        assert_eq!(place(&[]).unwrap().stage(), "prod");
        let local = place(&["--local"]).unwrap();
        assert_eq!((local.stage(), local.local.as_deref()), ("local", Some(LOCAL)));
        let other = place(&["--local=http://127.0.0.1:1/", "--stage", "test"]).unwrap();
        assert_eq!((other.stage(), other.local.as_deref()), ("test", Some("http://127.0.0.1:1")));
    }

    #[test]
    fn what_is_no_place() {
        for bad in [
            ["--stage", "Prod"].as_slice(),
            &["--stage", "1a"],
            &["--stage", "a/b"],
            &["--local=4566"],
            &["--local", "--profile", "work"],
        ] {
            assert!(place(bad).is_err(), "{bad:?}");
        }
    }
}
