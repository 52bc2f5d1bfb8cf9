import { cleanText } from './clean-text.js';

describe('text from outside is harmless', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', 'red'],
    ['\u001b]0;a title\u0007after', 'after'],
    ['a\u0008b\u0000c\u009b', 'abc'],
    ['user\u202egnp.exe', 'user⟨U+202E⟩gnp.exe'],
    ['<script>alert(1)</script>', '<script>alert(1)</script>'],
    ['Zoë – 東京 🙂\ttab', 'Zoë – 東京 🙂\ttab'],
  ])('%j reads %j', (given, expected) => {
    expect(cleanText(given)).toBe(expected);
  });
});
