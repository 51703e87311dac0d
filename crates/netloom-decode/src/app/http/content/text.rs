//! Bodies that are text: markup, scripts, JSON.

use memchr::memmem::find;

use super::super::inspect::contains_ignore_case;
use crate::app::text::starts_with_ignore_case;

/// What an element or a declaration that a text begins with says of it, in any case.
const ROOTS: &[(&[u8], &str)] = &[
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<head", "text/html"),
    (b"<title", "text/html"),
    (b"<body", "text/html"),
    (b"<meta", "text/html"),
    (b"<rss", "text/rss"),
    (b"<feed", "text/atom"),
    (b"<svg", "image/svg+xml"),
    (b"<!doctype svg", "image/svg+xml"),
    (b"<urlset", "application/xml-sitemap"),
    (b"<soap:envelope", "application/soap+xml"),
    (b"<soap-env:envelope", "application/soap+xml"),
    (
        b"<!doctype cross-domain-policy",
        "text/x-cross-domain-policy",
    ),
    (b"<cross-domain-policy", "text/x-cross-domain-policy"),
    (b"<methodresponse>", "application/xml-rpc"),
    (b"<jnlp ", "application/x-java-jnlp-file"),
];

/// The same of pieces of a page, which have no declaration before them.
const PIECES: &[(&[u8], &str)] = &[
    (b"<script", "text/html"),
    (b"<iframe", "text/html"),
    (b"<table", "text/html"),
    (b"<div", "text/html"),
    (b"<h1", "text/html"),
    (b"<a href", "text/html"),
    (b"<style", "text/html"),
];

fn root(text: &[u8], words: &[(&[u8], &'static str)]) -> Option<&'static str> {
    words
        .iter()
        .find(|(word, _)| starts_with_ignore_case(text, word))
        .map(|(_, kind)| *kind)
}

/// The kind of a text in angle brackets; `None` where it does not begin so.
pub(super) fn markup(text: &[u8]) -> Option<&'static str> {
    if !text.starts_with(b"<") {
        return None;
    }
    let mut rest = behind_comments(text);
    let declared = starts_with_ignore_case(rest, b"<?xml ");
    if declared {
        let end = find(rest, b"?>").map_or(rest.len(), |at| at + 2);
        rest = behind_comments(rest.get(end..).unwrap_or_default());
    }
    match root(rest, ROOTS) {
        Some("text/rss") if has_atom(rest) => return Some("text/atom"),
        Some(kind) => return Some(kind),
        None => {}
    }
    if declared {
        return Some("application/xml");
    }
    // Where a comment comes first, which may not end here, a page behind it.
    let page = || {
        let tags = [&b"<html"[..], b"<!doctype html", b"<head"];
        text.starts_with(b"<!--") && tags.iter().any(|tag| contains_ignore_case(text, tag))
    };
    script_element(rest)
        .or_else(|| root(rest, PIECES))
        .or_else(|| page().then_some("text/html"))
}

/// What is behind white space and comments; all of it where a comment does not end.
fn behind_comments(text: &[u8]) -> &[u8] {
    let mut rest = text.trim_ascii_start();
    while rest.starts_with(b"<!--") {
        let Some(end) = find(rest, b"-->") else {
            return rest;
        };
        rest = rest.get(end + 3..).unwrap_or_default().trim_ascii_start();
    }
    rest
}

/// Whether the element that a feed begins with names Atom's elements, too.
fn has_atom(text: &[u8]) -> bool {
    let end = text.iter().position(|&byte| byte == b'>');
    let element = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
    find(element, b"xmlns:atom").is_some()
}

/// An element that holds nothing but a script, as answers to `<script src=…>` are at times.
fn script_element(text: &[u8]) -> Option<&'static str> {
    if !starts_with_ignore_case(text, b"<script") {
        return None;
    }
    let rest = text.get(b"<script".len()..)?;
    if let Some(inside) = rest.strip_prefix(b">") {
        let inside = inside.trim_ascii_start();
        let words = [&b"var "[..], b"function "];
        let begins = words.iter().any(|word| inside.starts_with(word));
        return begins.then_some("application/javascript");
    }
    let rest = rest.trim_ascii_start();
    let value = [&b"type="[..], b"language="]
        .iter()
        .find(|name| starts_with_ignore_case(rest, name))
        .and_then(|name| rest.get(name.len()..))?;
    let value = match value {
        [b'"' | b'\'', quoted @ ..] => quoted,
        bare => bare,
    };
    let kinds = [&b"text/javascript"[..], b"javascript"];
    let named = kinds
        .iter()
        .any(|kind| starts_with_ignore_case(value, kind));
    named.then_some("application/javascript")
}

/// The language of a script by its first line.
pub(super) fn script(start: &[u8]) -> &'static str {
    let line = start
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let names = |word: &[u8]| find(line, word).is_some();
    if names(b"python") {
        "text/x-python"
    } else if names(b"perl") {
        "text/x-perl"
    } else if names(b"ruby") {
        "text/x-ruby"
    } else if names(b"php") {
        "text/x-php"
    } else if names(b"bin/node") || names(b"env node") {
        "application/javascript"
    } else if names(b"awk") {
        "text/x-awk"
    } else if names(b"bin/lua") || names(b"env lua") {
        "text/x-lua"
    } else if names(b"wish") || names(b"bin/tcl") || names(b"env tcl") {
        "text/x-tcl"
    } else {
        "text/x-shellscript"
    }
}

/// The language of a program without a line that names it; `None` where it is any text.
pub(super) fn program(text: &[u8]) -> Option<&'static str> {
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if find(line, b"<?php").is_some() {
        return Some("text/x-php");
    }
    let batch = text.strip_prefix(b"@").is_some_and(|command| {
        let command = command.trim_ascii_start();
        starts_with_ignore_case(command, b"echo off")
            || starts_with_ignore_case(command, b"rem ")
            || starts_with_ignore_case(command, b"set ")
    });
    if batch {
        return Some("text/x-msdos-batch");
    }
    let function = text.strip_prefix(b"(function()");
    let javascript = text.starts_with(b"for (;;);")
        || text.starts_with(b"document.write(")
        || text.starts_with(b"document.writeln(")
        || function.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"{"));
    javascript.then_some("application/javascript")
}

/// Whether it begins as JSON (RFC 8259) does, or as JavaScript's notation of objects.
pub(super) fn is_json(text: &[u8]) -> bool {
    match text {
        [b'{', rest @ ..] => match rest.trim_ascii_start() {
            [b'"' | b'}', ..] => true,
            rest => {
                let named = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
                let end = rest.iter().position(|byte| !named(byte));
                let (name, rest) = rest.split_at(end.unwrap_or(rest.len()));
                name.first().is_some_and(u8::is_ascii_alphabetic)
                    && rest
                        .trim_ascii_start()
                        .strip_prefix(b":")
                        .is_some_and(|value| begins_value(value.trim_ascii_start()))
            }
        },
        [b'[', rest @ ..] => match rest.trim_ascii_start() {
            [b'"' | b'{' | b'[' | b']', ..] => true,
            rest => {
                let number = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
                let end = rest.iter().position(|byte| !number(byte));
                let (digits, rest) = rest.split_at(end.unwrap_or(rest.len()));
                digits.first().is_some_and(u8::is_ascii_digit)
                    && rest.trim_ascii_start().starts_with(b",")
            }
        },
        _ => false,
    }
}

fn begins_value(text: &[u8]) -> bool {
    matches!(text, [b'"' | b'[' | b'{' | b'0'..=b'9', ..])
        || text.starts_with(b"true")
        || text.starts_with(b"false")
}

#[cfg(test)]
mod tests {
    use super::super::sniff;

    #[test]
    fn markup() {
        for (text, kind) in [
            ("<?xml version=\"1.0\"?>\n<a/>", "application/xml"),
            (
                "<?xml version=\"1.0\"?>\n<!DOCTYPE html\n PUBLIC",
                "text/html",
            ),
            (
                "<?xml version=\"1.0\"?><!-- x --> <rss version=\"2.0\">",
                "text/rss",
            ),
            (
                "<rss xmlns:atom=\"http://www.w3.org/2005/Atom\">",
                "text/atom",
            ),
            ("<?xml version=\"1.0\"?><feed>", "text/atom"),
            ("<?xml version=\"1.0\"?><svg>", "image/svg+xml"),
            (
                "<svg xmlns=\"http://www.w3.org/2000/svg\">",
                "image/svg+xml",
            ),
            (
                "<?xml version=\"1.0\"?><soap:Envelope>",
                "application/soap+xml",
            ),
            ("<?xml version=\"1.0\"", "application/xml"),
            ("<!-- x --><HTML>", "text/html"),
            ("<!-- a page that goes on <html>", "text/html"),
            ("<!-- nothing", "text/plain"),
            (
                "<script type=\"text/javascript\">",
                "application/javascript",
            ),
            ("<script>\nvar a", "application/javascript"),
            ("<script src=\"a\">", "text/html"),
            ("<div>", "text/html"),
            ("<other>", "text/plain"),
            ("<", "text/plain"),
        ] {
            assert_eq!(sniff(text.as_bytes()), Some(kind), "{text}");
        }
    }

    #[test]
    fn programs() {
        for (text, kind) in [
            ("#!/usr/bin/env node\n", "application/javascript"),
            ("#!/usr/bin/awk -f\n", "text/x-awk"),
            ("(function() {\n", "application/javascript"),
            ("\ndocument.write(\"<b>\")", "application/javascript"),
            ("for (;;);{\"a\":1}", "application/javascript"),
            ("@echo off\r\n", "text/x-msdos-batch"),
            ("@ECHO OFF\r\n", "text/x-msdos-batch"),
            ("@someone", "text/plain"),
            ("words <?php", "text/x-php"),
        ] {
            assert_eq!(sniff(text.as_bytes()), Some(kind), "{text}");
        }
    }

    #[test]
    fn objects() {
        for (text, json) in [
            ("{\"a\": 1}", true),
            ("{}", true),
            ("{ a : [1] }", true),
            ("{a}", false),
            ("{a: b}", false),
            ("[]", true),
            ("[1, 2]", true),
            ("[1]", false),
            ("[section]", false),
            ("[\"a\"]", true),
        ] {
            let kind = if json { "text/json" } else { "text/plain" };
            assert_eq!(sniff(text.as_bytes()), Some(kind), "{text}");
        }
    }
}
