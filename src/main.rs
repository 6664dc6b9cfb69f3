use std::process::ExitCode;

fn main() -> ExitCode {
    pmdb::faces::cli::run(std::env::args_os())
}
