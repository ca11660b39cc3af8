"""Prompts are classified by the words that real servers use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.ssh.prompts import Kind, classify

PROMPTS: dict[Kind, tuple[str, ...]] = {
    "password": (
        "Password:",
        "Password: ",
        "user@host's password: ",
        "(root@192.0.2.1) Password: ",
        "Password for admin@FGT:",
        "Password for admin@token-gw:",
        "Password for otp:",
        "Passwort:",
        "Kennwort:",
        "Mot de passe :",
        "Contraseña:",
        "Contrasen\u0303a:",
        "Wachtwoord: ",
        "Adgangskode: ",
        "Пароль: ",
        "パスワード:",
        "密码:",
        "UNIX password: ",
        "LDAP Password: ",
    ),
    "code": (
        "Verification code: ",
        "FortiToken Code:",
        "Token Code:",
        "Please enter the token code",
        "Enter token code or no code to send a notification to your FortiToken Mobile",
        "Passcode or option (1-3): ",
        "One-time password (OATH) for `user': ",
        "OTP:",
        "Enter PASSCODE: ",
        "Duo two-factor login for user\n\nEnter a passcode or select one of the following options:\n\n"
        " 1. Duo Push to XXX-XXX-1234\n\nPasscode or option (1-1): ",
        "Bestätigungscode: ",
        "Code de vérification : ",
        "Código de verificación: ",
        "Bekræftelseskode: ",
        "Enter your second factor: ",
        "YubiKey for `user': ",
        "Response: ",
        "Enter PIN: ",
        "Email token code for admin@FGT:",
        "验证码:",
    ),
    "new password": (
        "New password: ",
        "Retype new password: ",
        "(current) UNIX password: ",
        "Current password: ",
        "Enter new UNIX password: ",
        "Confirm Password:",
        "Neues Passwort:",
        "Nouveau mot de passe : ",
    ),
    "unknown": ("", "Press Enter to continue", "Username:", "Favourite colour? "),
}


@pytest.mark.parametrize(
    ("kind", "prompt"), [(kind, each) for kind, many in PROMPTS.items() for each in many]
)
def test_a_hidden_prompt_is_classified_by_its_words(kind: Kind, prompt: str) -> None:
    assert classify(prompt, echo=False) == kind


@pytest.mark.parametrize("prompt", PROMPTS["code"])
def test_a_code_may_be_asked_for_with_echo(prompt: str) -> None:
    assert classify(prompt, echo=True) == "code"


@given(st.text(max_size=300))
def test_no_prompt_with_echo_is_given_a_password(prompt: str) -> None:
    assert classify(prompt, echo=True) in ("code", "new password", "unknown")


@pytest.mark.parametrize("word", ["a", "retype ", "new ", "contrasen", "nuova", "for "])
def test_a_prompt_as_long_as_a_packet_is_classified_by_its_end_at_once(word: str) -> None:
    assert classify(word * (200_000 // len(word)) + "\n" * 2000 + "Password:", False) == "password"
