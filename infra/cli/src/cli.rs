//! The command line: parses it, runs the command and prints text or JSON.

use crate::command::Command;
use crate::error::{Error, ErrorKind};
use crate::output::CommandOutput;
use crate::target::Target;
use crate::terminal::Terminal;
use clap::Parser;
use clap::error::ErrorKind as ClapErrorKind;
use serde_json::json;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// Sets up, operates and diagnoses a deployment of Hongyan.
#[derive(Debug, Parser)]
#[command(name = "hongyan", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Cli {
    /// Print JSON, errors included, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    target: Target,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hongyan next                       what to do after `make deploy`
  hongyan app add shop               asks for what WeChat's console shows, prints what to paste there
  hongyan template check             compares our templates with those at WeChat
  hongyan doctor                     checks everything; a line each, with advice
  hongyan --local doctor             the same for the stack that `make run` started
  hongyan --stage test --profile work --region cn-north-1 app list

The tool finds credentials and region as the AWS CLI does: environment, profiles
(`aws configure`), single sign-on (`aws sso login`), assumed roles.

The tool asks for secrets without echo, or reads them from a pipe, one per line. They
are never arguments, which other users can see and shells record.

Exit status: 0 success; 1 a check or an operation failed; 2 invalid arguments or input;
3 AWS can't be used (credentials, permission, not deployed).";

/// Parses the command line, runs the command and prints its output.
pub(crate) async fn run() -> ExitCode {
    // The format is needed even if the rest of the arguments doesn't parse.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(help)
            if matches!(
                help.kind(),
                ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion
            ) =>
        {
            let _ = help.print();
            return ExitCode::SUCCESS;
        }
        Err(error) if json => {
            let text = error.render().to_string();
            let first = text.lines().next().unwrap_or_default();
            let problem = first.strip_prefix("error: ").unwrap_or(first);
            return print_error(&Error::new(ErrorKind::Usage, problem, "see --help"), true);
        }
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(ErrorKind::Usage.exit_status());
        }
    };
    let mut terminal = Terminal::new(cli.json);
    match cli.command.run(&cli.target, &mut terminal).await {
        Ok(output) => print_output(&output, cli.json),
        Err(error) => print_error(&error, cli.json),
    }
}

fn print_output(output: &CommandOutput, json: bool) -> ExitCode {
    let text = if json { format!("{:#}", output.json) } else { output.text.clone() };
    // The reader may have closed the pipe.
    let _ = writeln!(io::stdout(), "{}", text.trim_end());
    if output.success { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn print_error(error: &Error, json: bool) -> ExitCode {
    if json {
        let _ = writeln!(io::stdout(), "{:#}", json!({ "error": error }));
    } else {
        let _ = writeln!(io::stderr(), "{error}");
    }
    ExitCode::from(error.kind.exit_status())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_has_help_and_an_example() {
        fn check(command: &clap::Command, path: &str) {
            for sub in command.get_subcommands().filter(|it| it.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                assert!(sub.get_about().is_some(), "{path} has no help");
                if sub.has_subcommands() {
                    check(sub, &path);
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
        check(&command, "hongyan");
    }

    #[test]
    fn global_options_may_follow_the_command() {
        let cli = Cli::try_parse_from(["hongyan", "app", "list", "--stage", "test", "--json"]);
        let cli = cli.unwrap();
        assert!(cli.json);
        assert_eq!(cli.target.stage(), "test");
    }
}
