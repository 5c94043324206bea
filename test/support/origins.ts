/** An origin that tests allow. */
export const ORIGIN = 'https://app.example.com';

/** Origins that are not it, however much some of them look like it. */
export const OTHER_ORIGINS = [
  'https://evil.example',
  'null',
  'https://app.example.com.evil.example',
  'https://evil-app.example.com',
  'https://app.example.com:8443',
  'http://app.example.com',
  'https://app.example.com/',
  'https://APP.example.com',
  'https://app.example.com, https://evil.example',
  '*',
];
