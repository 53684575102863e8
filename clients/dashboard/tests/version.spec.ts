import { expect, test } from './fixture';
import { field, frame } from './server';

test('a page of another version than its server offers to load itself anew', async ({ page, server }) => {
  // What a server says that was upgraded while the page was open: GetServerResponse{server{version: "9.9.9"}}.
  const message = field(1, field(1, '9.9.9'));
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
