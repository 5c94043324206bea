import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { cleanUp } from './teardown.js';

/** Files of one certificate. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority of the test's own, which signs for servers and clients. */
export class TestAuthority {
  private readonly directory = mkdtempSync(join(tmpdir(), 'rookery-certificates-'));
  private readonly files: CertificateFiles;
  private issued = 0;

  constructor() {
    cleanUp(() => rmSync(this.directory, { recursive: true, force: true }));
    this.files = { certificate: this.path('ca.pem'), key: this.path('ca.key') };
    const { certificate, key } = this.files;
    const subject = ['-subj', '/CN=authority of a test', '-addext', 'keyUsage=critical,keyCertSign'];
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      ...subject,
      '-keyout',
      key,
      '-out',
      certificate,
    );
  }

  /** The authority's own certificate. */
  get certificate(): string {
    return this.files.certificate;
  }

  /** @param names as in `subjectAltName`: `DNS:localhost`, `IP:127.0.0.1` */
  issue(...names: string[]): CertificateFiles {
    const name = `certificate${(this.issued += 1)}`;
    const [key, request, certificate] = [`${name}.key`, `${name}.csr`, `${name}.pem`].map((file) => this.path(file));
    const extensions = this.path(`${name}.ext`);
    if (key === undefined || request === undefined || certificate === undefined) throw new Error('three files');
    writeFileSync(extensions, `subjectAltName=${names.join(',')}\n`);
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    const signer = ['-CA', this.files.certificate, '-CAkey', this.files.key, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...signer, '-days', '2', '-extfile', extensions, '-out', certificate);
    return { certificate, key };
  }

  private path(file: string): string {
    return join(this.directory, file);
  }
}

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
