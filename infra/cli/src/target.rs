//! The deployment that a command is for.

use clap::Args;

/// Default endpoint of the local stack's AWS.
const LOCAL_ENDPOINT: &str = "http://127.0.0.1:4566";

/// The deployment that a command is for: a stage of an account and region, or the stack
/// that `make run` started.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deployment")]
pub(crate) struct Target {
    /// The stage [default: prod, or local with --local].
    #[arg(long, global = true, value_parser = parse_stage)]
    stage: Option<String>,
    /// The AWS region [default: that of the environment or the profile].
    #[arg(long, global = true)]
    pub(crate) region: Option<String>,
    /// The profile of ~/.aws/config to take credentials from.
    #[arg(long, global = true)]
    pub(crate) profile: Option<String>,
    /// The stack that `make run` started on this machine; =URL if its endpoint is another.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = LOCAL_ENDPOINT,
        conflicts_with_all = ["region", "profile"],
        value_parser = parse_endpoint
    )]
    pub(crate) local: Option<String>,
}

impl Target {
    pub(crate) fn stage(&self) -> &str {
        let default = if self.local.is_some() { "local" } else { "prod" };
        self.stage.as_deref().unwrap_or(default)
    }
}

/// The grammar is that of the template's parameter `Stage`.
fn parse_stage(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let begins = text.bytes().next().is_some_and(|c| c.is_ascii_lowercase());
    if !begins || text.len() > 16 || !text.bytes().all(allowed) {
        return Err("a stage has 1 to 16 of a-z, 0-9 and -, and begins with a letter".to_owned());
    }
    Ok(text.to_owned())
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    if text.strip_prefix("http://").is_none_or(str::is_empty) {
        return Err(format!("write scheme, host and port, as in {LOCAL_ENDPOINT}"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct TestCli {
        #[command(flatten)]
        target: Target,
    }

    fn target(arguments: &[&str]) -> Result<Target, clap::Error> {
        TestCli::try_parse_from([&["hongyan"], arguments].concat()).map(|cli| cli.target)
    }

    #[test]
    fn stage_and_endpoint_have_defaults() {
        assert_eq!(target(&[]).unwrap().stage(), "prod");
        let local = target(&["--local"]).unwrap();
        assert_eq!((local.stage(), local.local.as_deref()), ("local", Some(LOCAL_ENDPOINT)));
        let other = target(&["--local=http://127.0.0.1:1/", "--stage", "test"]).unwrap();
        assert_eq!((other.stage(), other.local.as_deref()), ("test", Some("http://127.0.0.1:1")));
    }

    #[test]
    fn invalid_target_is_rejected() {
        for bad in [
            ["--stage", "Prod"].as_slice(),
            &["--stage", "1a"],
            &["--stage", "a/b"],
            &["--local=4566"],
            &["--local", "--profile", "work"],
        ] {
            assert!(target(bad).is_err(), "{bad:?}");
        }
    }
}
