import { expect, test } from './fixture';

test('a page of another version than its server offers to load itself anew', async ({ page, server }) => {
  // What a server says that was upgraded while the page was open: GetServerResponse{server{version: "9.9.9"}}.
  const version = Buffer.from('9.9.9');
  const message = Buffer.from([0x0a, version.length + 2, 0x0a, version.length, ...version]);
  const trailer = Buffer.from('grpc-status:0\r\n');
  const body = Buffer.concat([frame(0x00, message), frame(0x80, trailer)]);
  await page.route('**/gauntlet.v1.ServerService/GetServer', (route) =>
    route.fulfill({ status: 200, contentType: 'application/grpc-web+proto', body }),
  );
  await page.goto(server.url);
  await expect(page.getByText('The server is gauntlet 9.9.9, this page is of')).toBeVisible();
  await page.unroute('**/gauntlet.v1.ServerService/GetServer');
  await page.getByRole('button', { name: 'Load the page anew' }).click();
  await expect(page.getByRole('heading', { name: 'Runs', level: 1 })).toBeVisible();
  await expect(page.getByText('Another version.')).toBeHidden();
});

function frame(flags: number, content: Buffer): Buffer {
  const head = Buffer.from([flags, 0, 0, 0, 0]);
  head.writeUInt32BE(content.length, 1);
  return Buffer.concat([head, content]);
}
