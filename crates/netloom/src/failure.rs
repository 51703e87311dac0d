//! What ends a command early, and the exit code it gives.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use netloom::tables::output::OutputError;
use netloom_packet::SourceError;

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    broken_pipe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usage,
    Input,
    Permission,
}

impl Failure {
    /// The command line makes no sense.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.to_string(),
            hint: None,
            broken_pipe: false,
        }
    }

    /// Something cannot be read or written.
    fn io(message: String, hint: Option<String>, cause: Option<&io::Error>) -> Self {
        let kind = match cause.map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => Kind::Permission,
            _ => Kind::Input,
        };
        let broken_pipe = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
        let message = match cause {
            Some(cause) => format!("{message}: {cause}"),
            None => message,
        };
        Self {
            kind,
            message,
            hint,
            broken_pipe,
        }
    }

    /// An output could not be written.
    pub(crate) fn writing(path: &Path, cause: &io::Error) -> Self {
        Self::io(
            format!("{}: cannot be written", path.display()),
            None,
            Some(cause),
        )
    }

    /// Adds a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it is only that nobody reads our output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::Usage => 2,
            Kind::Input => 3,
            Kind::Permission => 4,
        })
    }

    /// What a person can do about it.
    pub(crate) fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<SourceError> for Failure {
    fn from(error: SourceError) -> Self {
        let hint = error.hint.as_deref().map(str::to_owned);
        Self::io(error.to_string(), hint, error.cause.as_ref())
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::io(error.to_string(), error.hint.clone(), Some(&error.cause))
    }
}
