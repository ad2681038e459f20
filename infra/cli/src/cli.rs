//! The command line: read, done, and answered, to people or to machines.

use crate::answer::Answer;
use crate::command::Command;
use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::place::Place;
use crate::terminal::Terminal;
use clap::Parser;
use clap::error::ErrorKind;
use serde_json::json;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Sets up, looks after and explains a deployment of Hongyan.
#[derive(Debug, Parser)]
#[command(name = "hongyan", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// Answer in JSON, errors too, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hongyan next                       what to do after `make deploy`
  hongyan app add shop               asks for what WeChat's console shows, and says what to paste there
  hongyan template check             do our templates fit those at WeChat?
  hongyan doctor                     is everything in place? a line each, with a remedy
  hongyan --local doctor             the same for what `make run` has started
  hongyan --stage test --profile work --region cn-north-1 app list

Credentials and region are found as the AWS CLI finds them: environment, profiles
(`aws configure`), single sign-on (`aws sso login`), assumed roles.

Secrets are asked for without echo; from a pipe, they are read one per line. They are
never given on the command line, which others can see and shells remember.

Exit status: 0 all is well; 1 something isn't, or couldn't be done; 2 what was asked
can't be understood; 3 AWS can't be used (credentials, permission, not deployed).";

/// Reads the command line, does what it says, and tells what became of it.
pub(crate) async fn run() -> ExitCode {
    // Before it is known whether the rest can be read.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(asked)
            if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) =>
        {
            let _ = asked.print();
            return ExitCode::SUCCESS;
        }
        Err(wrong) if json => {
            let text = wrong.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            let problem = first.strip_prefix("error: ").unwrap_or(first);
            let error = Error::new(Kind::Usage, problem, "ask for --help");
            return complain(&error, true);
        }
        Err(wrong) => {
            let _ = wrong.print();
            return ExitCode::from(Kind::Usage.status());
        }
    };
    match done(&cli).await {
        Ok(answer) => tell(&answer, cli.json),
        Err(error) => complain(&error, cli.json),
    }
}

async fn done(cli: &Cli) -> Result<Answer, Error> {
    let deployment = Deployment::connect(&cli.place).await?;
    let mut terminal = Terminal::new(cli.json);
    cli.command.run(&deployment, &mut terminal).await
}

fn tell(answer: &Answer, json: bool) -> ExitCode {
    let text = if json { format!("{:#}", answer.json()) } else { answer.text().to_owned() };
    // Whoever reads may have had enough.
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    if answer.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn complain(error: &Error, json: bool) -> ExitCode {
    if json {
        let _ = writeln!(io::stdout(), "{:#}", json!({ "error": error }));
    } else {
        let _ = writeln!(io::stderr(), "{error}");
    }
    ExitCode::from(error.kind.status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_is_explained() {
        fn look(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|it| it.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} says nothing of itself");
                if sub.has_subcommands() {
                    look(sub, &path);
                } else {
                    assert!(sub.get_after_help().is_some(), "{path} has no example");
                }
                for argument in sub.get_arguments().filter(|it| !it.is_hide_set()) {
                    assert!(
                        argument.get_help().is_some() || argument.get_id() == "help",
                        "{path} doesn't explain {}",
                        argument.get_id()
                    );
                }
            }
        }
        let mut command = Cli::command();
        command.build();
        look(&command, "hongyan");
    }

    #[test]
    fn the_place_may_stand_anywhere() {
        let cli = Cli::try_parse_from(["hongyan", "app", "list", "--stage", "test", "--json"]);
        let cli = cli.unwrap();
        assert!(cli.json);
        assert_eq!(cli.place.stage(), "test");
    }
}
